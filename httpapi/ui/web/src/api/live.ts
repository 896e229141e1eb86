// What happens in the engine, as it happens: one stream of server-sent events, read with fetch because EventSource cannot send a key.
// An event says only that something changed; what is on the page is then asked again, not more often than the answers take.

import { auth, root, withQuery } from "./client";
import { changed, counted } from "./hooks";

export type LiveState = "connecting" | "live" | "polling" | "paused" | "away";

let state: LiveState = "connecting";
let abort: AbortController | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
let lastId = "";
const watchers = new Set<() => void>();
const rowWatchers = new Set<(topic: string, data: string) => void>();

const flushMs = 400;
const pollMs = 5_000;
const retryMs = 1_500;

export const live = {
  state: () => state,
  watch(fn: () => void) {
    watchers.add(fn);
    return () => void watchers.delete(fn);
  },
  // rows hands over the events themselves, for the live tail.
  rows(fn: (topic: string, data: string) => void) {
    rowWatchers.add(fn);
    return () => void rowWatchers.delete(fn);
  },
  start() {
    if (abort || state === "paused") return;
    void connect();
  },
  stop() {
    clearTimeout(timer);
    abort?.abort();
    abort = null;
  },
  pause() {
    live.stop();
    set("paused");
  },
  resume() {
    set("connecting");
    live.start();
    touch(everything);
  },
};

function set(next: LiveState) {
  if (state === next) return;
  state = next;
  for (const w of watchers) w();
}

async function connect() {
  const mine = new AbortController();
  abort = mine;
  try {
    const key = auth.key();
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (key) headers.Authorization = "Bearer " + key;
    if (lastId) headers["Last-Event-ID"] = lastId;
    const res = await fetch(new URL(withQuery("v1/stream", { topics: "usage,crossings,decisions" }), root), { headers, signal: mine.signal, credentials: "omit" });
    if (res.ok && res.body && res.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      if (state === "away") touch(everything);
      set("live");
      await read(res.body);
    } else if (res.status < 500) {
      return poll(mine); // a stream is not for this key
    }
  } catch {
    /* closed by the server, or away: try again below */
  }
  if (abort !== mine) return;
  if (state !== "away") touch(everything); // once: what fails then is asked again by itself
  set("away");
  timer = setTimeout(() => abort === mine && void connect(), retryMs);
}

function poll(mine: AbortController) {
  set("polling");
  touch(everything);
  timer = setTimeout(() => abort === mine && poll(mine), pollMs);
}

async function read(body: ReadableStream<Uint8Array>) {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value.replaceAll("\r\n", "\n")).split("\n\n");
    rest = parts.pop()!;
    for (const part of parts) event(part);
  }
}

function event(text: string) {
  let topic = "message";
  const data: string[] = [];
  for (const l of text.split("\n")) {
    if (l.startsWith("event:")) topic = l.slice(6).trim();
    else if (l.startsWith("data:")) data.push(l.slice(5).replace(/^ /, ""));
    else if (l.startsWith("id:")) lastId = l.slice(3).trim();
  }
  if (!data.length) return; // a heartbeat
  for (const w of rowWatchers) w(topic, data.join("\n"));
  touch(topic === "crossings" ? [...moved, "v1/crossings"] : topic === "decisions" ? ["v1/decisions", "v1/overview"] : moved);
}

const moved = ["v1/usage", "v1/overview", "v1/tenants", "v1/events", "v1/portal", "v1/system"];
const everything = ["v1/", "readyz"];

let waiting = new Set<string>();
let busy = false;

// touch asks again for what the prefixes name, soon. While answers are slow the next round waits three times as long as the last took,
// so that a page that costs the server much is not asked for without pause.
function touch(prefixes: string[]) {
  for (const p of prefixes) waiting.add(p);
  if (busy) return;
  busy = true;
  void (async () => {
    await pause(flushMs / 2);
    while (waiting.size > 0) {
      if (document.hidden || state === "paused") break;
      const round = [...waiting];
      waiting = new Set();
      const began = performance.now();
      await (round.includes(everything[0]!) ? changed : counted)(...round);
      await pause(Math.max(flushMs, 3 * (performance.now() - began)));
    }
    busy = false;
  })();
}

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && waiting.size > 0) touch([]);
});
