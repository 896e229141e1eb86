// One way to ask the API. Problems become ApiError; the key, when there is one, is held for this tab only and sent as Bearer, so there
// is no cookie that another site could use.

import { early } from "./early";
import { parse, stringify } from "./json";

// The address of the root, read once: the page's <base> is relative to where it was opened, and moves with the address bar.
export const root: string = (() => {
  const base = document.querySelector("base");
  const href = new URL("./", document.baseURI).href;
  if (base) base.href = href;
  return href;
})();
export const rootPath: string = new URL(root).pathname;

export interface FieldError {
  pointer: string;
  code: string;
  detail: string;
}

export interface Problem {
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  errors?: FieldError[];
}

// ApiError is an answer that was not a success, or none at all (status 0).
export class ApiError extends Error {
  constructor(
    readonly problem: Problem,
    readonly path: string,
  ) {
    super(problem.detail || problem.title);
  }
  get status() {
    return this.problem.status;
  }
  get code() {
    return this.problem.code;
  }
  // field is what is wrong with one field of the body that was sent.
  field(pointer: string): string | undefined {
    return this.problem.errors?.find((e) => e.pointer === pointer)?.detail;
  }
}

const keyName = "weir-key";
let key: string | null = readKey();
let expired = false;
const watchers = new Set<() => void>();

function readKey(): string | null {
  try {
    return sessionStorage.getItem(keyName);
  } catch {
    return null; // storage is forbidden in some frames; the key then lives as long as the page
  }
}

export type Session = "open" | "needed" | "expired";
let session: Session = "open";

export const auth = {
  key: () => key,
  session: () => session,
  watch(fn: () => void) {
    watchers.add(fn);
    return () => void watchers.delete(fn);
  },
  // use takes a key that the server has accepted.
  use(value: string, remember = true) {
    key = value;
    expired = false;
    set("open");
    try {
      if (remember) sessionStorage.setItem(keyName, value);
    } catch {
      /* as in readKey */
    }
  },
  forget() {
    key = null;
    try {
      sessionStorage.removeItem(keyName);
    } catch {
      /* as in readKey */
    }
    set("needed");
  },
};

function set(next: Session) {
  if (session === next) return;
  session = next;
  for (const w of watchers) w();
}

function refused() {
  expired = expired || key !== null;
  set(expired ? "expired" : "needed");
}

export { path, withQuery, type Query } from "./address";

export interface Answer<T> {
  body: T;
  text: string; // the body as it came
  etag: string | null;
  status: number;
  tookMs: number;
}

export interface Ask {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  key?: string; // instead of the session's
}

export async function ask<T>(to: string, opts: Ask = {}): Promise<Answer<T>> {
  const headers: Record<string, string> = { Accept: "application/json", ...opts.headers };
  const bearer = opts.key ?? key;
  if (bearer) headers.Authorization = "Bearer " + bearer;
  let body: string | undefined;
  if (opts.body !== undefined) {
    body = typeof opts.body === "string" ? opts.body : stringify(opts.body);
    headers["Content-Type"] ??= "application/json";
  }
  const began = performance.now();
  let res: Response;
  let text: string;
  try {
    const asked = opts.method || opts.key ? undefined : early(to);
    res = await (asked ?? fetch(new URL(to, root), { method: opts.method ?? "GET", headers, body, signal: opts.signal, credentials: "omit", cache: "no-store" }));
    text = await res.text();
  } catch (cause) {
    if (opts.signal?.aborted) throw cause;
    throw new ApiError(
      { title: "The server does not answer", status: 0, detail: "It may be restarting, or the network is down. This page tries again by itself.", code: "unreachable", request_id: "" },
      to,
    );
  }
  if (!res.ok) {
    const problem = problemOf(res, text);
    if (res.status === 401 && !opts.key) refused();
    throw new ApiError(problem, to);
  }
  const json = res.headers.get("Content-Type")?.includes("json") && text !== "";
  return { body: (json ? parse(text) : text) as T, text, etag: res.headers.get("ETag"), status: res.status, tookMs: performance.now() - began };
}

function problemOf(res: Response, text: string): Problem {
  const id = res.headers.get("X-Request-Id") ?? "";
  if (res.headers.get("Content-Type")?.includes("json")) {
    try {
      const p = JSON.parse(text) as Partial<Problem>;
      if (p.title) return { title: p.title, status: res.status, detail: p.detail ?? "", code: p.code ?? "", request_id: p.request_id ?? id, errors: p.errors };
    } catch {
      /* not JSON after all: what stands in between answered */
    }
  }
  return { title: "Answer " + res.status + (res.statusText ? " " + res.statusText : ""), status: res.status, detail: "What answered was not weir's API.", code: "", request_id: id };
}

// curl is the command that asks the same question.
export function curl(to: string, opts: Ask = {}): string {
  const parts = ["curl -s"];
  if (opts.method && opts.method !== "GET") parts.push("-X " + opts.method);
  parts.push(quote(new URL(to, root).href));
  if (key) parts.push('-H "Authorization: Bearer $WEIR_KEY"');
  if (opts.body !== undefined) parts.push("-H 'Content-Type: application/json'", "-d " + quote(typeof opts.body === "string" ? opts.body : stringify(opts.body)));
  return parts.join(" ");
}

const quote = (s: string) => "'" + s.replaceAll("'", `'\\''`) + "'";
