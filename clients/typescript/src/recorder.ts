import type { BatchAnswer, Event, Rejection } from "./api.js";
import { backoff, newId, sleep, WeirError } from "./index.js";
import type { Weir } from "./index.js";

export interface RecorderOptions {
  /** Events that close a batch. Default 500, at most 1,000. */
  batchEvents?: number;
  /** How long an event waits for others, in milliseconds. Default 200. */
  flushMs?: number;
  /** Events in memory; when there are more, record throws. Default 100,000. */
  queueEvents?: number;
  /** Hears of events that weir refused for what they are: they are not sent again. */
  onRefused?: (event: Event, why: Rejection) => void;
  /** Hears of every try that failed and will be made again. */
  onError?: (error: unknown) => void;
}

/** Delivers events in batches, in their order, and tries until weir has them. They are in memory only: close() says what is left. */
export class Recorder {
  readonly #weir: Weir;
  readonly #options: RecorderOptions;
  readonly #batch: number;
  readonly #stop = new AbortController();
  #queue: Event[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> | undefined;
  #closed = false;
  counted = 0;
  duplicates = 0;
  refused = 0;

  constructor(weir: Weir, options: RecorderOptions = {}) {
    this.#weir = weir;
    this.#options = options;
    this.#batch = Math.min(options.batchEvents ?? 500, 1000);
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Takes an event. One without id gets one, and one without timestamp the time of now: it may be sent much later. */
  record(event: Event): void {
    if (this.#closed) throw new WeirError("draining", "the recorder is closed", 0);
    if (this.#queue.length >= (this.#options.queueEvents ?? 100_000)) throw new WeirError("overloaded", "the recorder's queue is full; the event was not taken", 0);
    this.#queue.push({ ...event, id: event.id ?? newId(), timestamp: event.timestamp ?? new Date().toISOString() });
    if (this.#queue.length >= this.#batch) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), this.#options.flushMs ?? 200);
  }

  /** Resolves when everything taken so far is delivered, or the recorder was closed. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#queue.length === 0) return this.#sending ?? Promise.resolve();
    this.#sending ??= this.#send();
    return this.#sending;
  }

  // A batch that is refused as a whole is sent in halves, so that one event that should not be there does not hold up the others. A key
  // that is not allowed or a disk that is full are for an operator to put right, and the events wait.
  async #send(): Promise<void> {
    let size = this.#batch;
    for (let failures = 0; this.#queue.length > 0 && !this.#stop.signal.aborted; ) {
      const events = this.#queue.slice(0, size);
      let rejected: Rejection[] = [];
      try {
        const answer = (await this.#weir.call("recordEvents", { body: { events }, signal: this.#stop.signal })) as BatchAnswer; // they have their ids
        this.counted += answer.accepted;
        this.duplicates += answer.duplicates;
        this.refused += answer.rejected_total;
        rejected = answer.rejected;
        size = Math.min(this.#batch, 2 * size);
      } catch (e) {
        if (this.#stop.signal.aborted) break; // close has waited long enough
        if (!(e instanceof WeirError) || ![400, 413, 422].includes(e.status)) {
          this.#report(e);
          await sleep(backoff(++failures), this.#stop.signal).catch(() => undefined); // closed: the loop ends
          continue;
        }
        if (events.length > 1) {
          size = Math.ceil(events.length / 2);
          continue;
        }
        this.refused++;
        rejected = [{ index: 0, id: events[0]!.id!, code: e.code, pointer: "", detail: e.message }];
      }
      this.#queue.splice(0, events.length);
      failures = 0;
      for (const r of rejected) {
        const event = events[r.index];
        if (event) this.#refuse(event, r);
      }
    }
    this.#sending = undefined; // in the same step as the last look at the queue: what comes now starts anew
  }

  #refuse(event: Event, why: Rejection): void {
    try {
      this.#options.onRefused?.(event, why);
    } catch (e) {
      this.#report(e);
    }
  }

  #report(error: unknown): void {
    try {
      this.#options.onError?.(error);
    } catch {
      // the caller's own code failed to hear of a failure; delivery goes on
    }
  }

  /**
   * Takes no more events, delivers what it can for so long, and returns how many it could not. A batch that is on its way when the time
   * is over is among these, and may have been counted all the same.
   */
  async close(waitMs = 10_000): Promise<number> {
    this.#closed = true;
    const timer = setTimeout(() => this.#stop.abort(), waitMs);
    await this.flush();
    clearTimeout(timer);
    return this.#queue.length;
  }
}
