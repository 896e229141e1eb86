/**
 * Client of weir. Every write has an id before it is first sent and a retry sends the same one, so that whatever is lost on the way
 * counts once.
 *
 *     const weir = new Weir({ baseUrl: "http://127.0.0.1:7070", key: process.env.WEIR_KEY });
 *     const answer = await weir.consume({ tenant_id: "acme", feature_type: "api_calls" });
 *     if (!answer.allowed) throw new Error(answer.reason ?? "denied");
 */

import { operations } from "./api.js";
import type { Answer, BatchAnswer, ConsumeRequest, ErrorCode, ErrorItem, Event, EventAnswer, Operations, QuotaStatus, Reservation, Rows } from "./api.js";

export type * from "./api.js";
export { Recorder } from "./recorder.js";
export type { RecorderOptions } from "./recorder.js";

export interface WeirOptions {
  /** Such as http://127.0.0.1:7070. */
  baseUrl: string;
  /** An API key, weir_<id>_<secret>. `weir dev` asks for none. */
  key?: string | undefined;
  /** Of one attempt, in milliseconds. Default 10,000. */
  timeoutMs?: number;
  /** How often a call is tried. Default 8, about six seconds in all. */
  attempts?: number;
  /** Default: the global fetch. */
  fetch?: typeof fetch;
}

/** A refusal of the server, or no answer: then the code is outcome_unknown, and the same call with the same id finds out. */
export class WeirError extends Error {
  override readonly name = "WeirError";
  constructor(
    readonly code: ErrorCode,
    message: string,
    /** 0: no answer came. */
    readonly status: number,
    readonly errors: ErrorItem[] = [],
    readonly requestId?: string,
  ) {
    super(message);
  }
}

type Path<K extends keyof Operations> = Operations[K]["path"] extends undefined ? { path?: undefined } : { path: Operations[K]["path"] };
type Body<K extends keyof Operations> = Operations[K]["body"] extends undefined ? { body?: undefined } : { body: Operations[K]["body"] };
type Query<K extends keyof Operations> = Operations[K]["query"] extends undefined
  ? { query?: undefined }
  : Partial<Operations[K]["query"]> extends Operations[K]["query"]
    ? { query?: Operations[K]["query"] }
    : { query: Operations[K]["query"] };

/** What a call takes: path variables, query and body as the operation has them. */
export type Call<K extends keyof Operations> = Path<K> & Body<K> & Query<K> & { headers?: Record<string, string>; signal?: AbortSignal };

const retryable = new Set([408, 429, 502, 503, 504]);
const waitFirstMs = 50;
const waitMaxMs = 2_000;
const retryAfterMaxMs = 60_000;

/** How long to wait after the n-th attempt: doubling, and of that a random part, at least half. */
export function backoff(n: number): number {
  const wait = Math.min(waitMaxMs, waitFirstMs * 2 ** (n - 1));
  return wait / 2 + (Math.random() * wait) / 2;
}

/** Milliseconds that a Retry-After asks for; 0 when it cannot be read. */
export function retryAfter(text: string | null, now = Date.now()): number {
  if (!text) return 0;
  const ms = /^\s*\d+\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), retryAfterMaxMs) : 0;
}

/** An id for an event or a call: a UUID of version 7, which ascends with time and so takes fewer bytes to keep. */
export function newId(now = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let i = 5, t = now; i >= 0; i--, t = Math.floor(t / 256)) bytes[i] = t % 256;
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Waits, or rejects when the signal ends it. It leaves no listener behind. */
export const sleep = (ms: number, signal?: AbortSignal) =>
  new Promise<void>((done, failed) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      failed(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      done();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });

export class Weir {
  readonly #base: string;
  readonly #options: WeirOptions;

  constructor(options: WeirOptions) {
    this.#base = options.baseUrl.replace(/\/+$/, "");
    this.#options = options;
  }

  /** Any operation of the API, by its operationId, with retries. A write must have its id in the body; the methods below see to it. */
  async call<K extends keyof Operations>(operation: K, call: Call<K>): Promise<Operations[K]["answer"]> {
    const [method, path] = operations[operation];
    const given = call as { path?: Record<string, string>; query?: Record<string, unknown>; body?: unknown };
    let target = this.#base + path.replace(/{(\w+)}/g, (_, name: string) => encodeURIComponent(given.path?.[name] ?? ""));
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(given.query ?? {})) if (value !== undefined) query.set(name, String(value));
    if (query.size > 0) target += "?" + query.toString();
    // Made once, so that every attempt sends the same bytes.
    const body = given.body === undefined ? undefined : JSON.stringify(given.body);
    const attempts = this.#options.attempts ?? 8;
    for (let attempt = 1; ; attempt++) {
      let wait = backoff(attempt);
      try {
        return await this.#once(method, target, body, call);
      } catch (e) {
        const failure = e instanceof Retry ? e.error : e;
        if (!(e instanceof Retry) || attempt >= attempts) throw failure;
        wait = Math.max(wait, e.afterMs);
      }
      await sleep(wait, call.signal);
    }
  }

  async #once<K extends keyof Operations>(method: string, target: string, body: string | undefined, call: Call<K>): Promise<Operations[K]["answer"]> {
    const headers: Record<string, string> = { ...call.headers };
    if (body !== undefined) headers["Content-Type"] ??= "application/json";
    if (this.#options.key) headers["Authorization"] = `Bearer ${this.#options.key}`;
    const timeout = AbortSignal.timeout(this.#options.timeoutMs ?? 10_000);
    const signal = call.signal ? AbortSignal.any([call.signal, timeout]) : timeout;
    let response: Response;
    let text: string;
    try {
      // A redirect could carry the key elsewhere.
      response = await (this.#options.fetch ?? fetch)(target, { method, headers, signal, redirect: "error", ...(body === undefined ? {} : { body }) });
      text = await response.text();
    } catch (e) {
      call.signal?.throwIfAborted();
      throw new Retry(new WeirError("outcome_unknown", `weir did not answer (${String(e)}); retry with the same id`, 0), 0);
    }
    const media = (response.headers.get("Content-Type") ?? "").split(";")[0];
    // A batch of which everything was refused, events or requests, has status 422 and the body of a batch.
    if (response.ok || (response.status === 422 && media === "application/json")) {
      return (text === "" ? undefined : JSON.parse(text)) as Operations[K]["answer"];
    }
    const error = problem(response.status, text);
    if (retryable.has(response.status)) throw new Retry(error, retryAfter(response.headers.get("Retry-After")));
    throw error;
  }

  /** Counts one event; resolves when it is on the server's disk. */
  async record(event: Event): Promise<EventAnswer> {
    return (await this.call("recordEvents", { body: { ...event, id: event.id ?? newId() } })) as EventAnswer;
  }

  /** Counts events, each by itself, at most 10,000. Events without id get one, in the array given, so that the same array is a retry. */
  async recordBatch(events: Event[]): Promise<BatchAnswer> {
    for (const e of events) e.id ??= newId();
    return (await this.call("recordEvents", { body: { events } })) as BatchAnswer;
  }

  /** Asks every quota, and counts when all allow it. A denial is an answer, not an error. */
  consume(request: ConsumeRequest): Promise<Answer> {
    return this.call("consume", { body: { ...request, id: request.id ?? newId() } });
  }

  /** Answers what consume would, and counts nothing. */
  check(request: ConsumeRequest): Promise<Answer> {
    return this.call("check", { body: request });
  }

  /** Holds units until they are committed, released, or expire. */
  reserve(reservation: Reservation): Promise<Answer> {
    return this.call("reserve", { body: { ...reservation, id: reservation.id ?? newId() } });
  }

  /** Counts what was really used of a reservation, and gives back the rest. */
  commit(tenant: string, id: string, quantity: number | string): Promise<Answer> {
    return this.call("commitReservation", { path: { id }, body: { tenant_id: tenant, quantity } });
  }

  /** Gives all of a reservation back. */
  release(tenant: string, id: string): Promise<Answer> {
    return this.call("releaseReservation", { path: { id }, body: { tenant_id: tenant } });
  }

  /** How every quota of a tenant stands. */
  async quotas(tenant: string, user?: string): Promise<QuotaStatus[]> {
    const list = await this.call("listQuotas", { path: { id: tenant }, ...(user === undefined ? {} : { query: { user_id: user } }) });
    return list.data;
  }

  /** What a meter counted. */
  usage(query: Operations["getUsage"]["query"]): Promise<Rows> {
    return this.call("getUsage", { query }) as Promise<Rows>;
  }
}

/** A failure that another attempt may not have. */
class Retry {
  constructor(
    readonly error: WeirError,
    readonly afterMs: number,
  ) {}
}

function problem(status: number, text: string): WeirError {
  try {
    const p = JSON.parse(text) as { code?: ErrorCode; detail?: string; errors?: ErrorItem[]; request_id?: string };
    if (p.code) return new WeirError(p.code, p.detail ?? p.code, status, p.errors ?? [], p.request_id);
  } catch {
    // not JSON: a proxy's own page
  }
  if (retryable.has(status)) return new WeirError("outcome_unknown", `something before weir answered status ${status}; retry with the same id`, status);
  return new WeirError("internal", `status ${status}, and not an answer of weir; is the address right?`, status);
}
