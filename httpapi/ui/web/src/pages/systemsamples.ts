// Samples of GET /v1/system, as long as the dashboard is open: the server keeps no history of itself, Prometheus does.

import type { Histogram, System } from "../api/types";
import { quantile, since } from "../lib/histogram";

export interface Sample {
  at: number;
  perSecond: number | null; // items committed a second since the sample before
  commit: [number | null, number | null]; // median and 99th percentile of that time, nanoseconds
  fsync: [number | null, number | null];
  disk: number;
  live: number;
  cache: number | null; // share of reads that the cache answered
  queue: number;
}

const keep = 360; // half an hour of one every five seconds
let samples: Sample[] = [];
let last: { at: number; uptime: number; stats: Record<string, unknown> } | undefined;

export const figure = (stats: Record<string, unknown>, name: string): number => Number(stats[name] ?? 0);
const histogram = (stats: Record<string, unknown>, name: string): Histogram => {
  const h = stats[name] as Histogram | undefined;
  return h?.counts ? h : { bounds_nanos: [], counts: [], sum_nanos: 0 };
};

const handled = (s: Record<string, unknown>) => ["counted", "duplicates", "conflicts", "rejected", "denied"].reduce((n, name) => n + figure(s, name), 0);

// sampled adds an answer, once, and returns all.
export function sampled(s: System, at: number): Sample[] {
  if (last && at - last.at < 1000) return samples;
  if (last && s.uptime_seconds < last.uptime) [samples, last] = [[], undefined]; // another process
  const before = last?.stats;
  const times = (name: string): [number | null, number | null] => {
    const h = since(before && histogram(before, name), histogram(s.stats, name));
    return [quantile(h, 0.5), quantile(h, 0.99)];
  };
  const reads = (x: Record<string, unknown>) => figure(x, "cache_hits") + figure(x, "cache_misses");
  const [hits, all] = before ? [figure(s.stats, "cache_hits") - figure(before, "cache_hits"), reads(s.stats) - reads(before)] : [figure(s.stats, "cache_hits"), reads(s.stats)];
  const next: Sample = {
    at,
    perSecond: before && last ? Math.max(0, ((handled(s.stats) - handled(before)) * 1000) / (at - last.at)) : null,
    commit: times("commit_time"),
    fsync: times("fsync_time"),
    disk: figure(s.stats, "disk_bytes"),
    live: figure(s.stats, "live_bytes"),
    cache: all > 0 ? hits / all : null,
    queue: figure(s.stats, "queue_items"),
  };
  last = { at, uptime: s.uptime_seconds, stats: s.stats };
  samples = [...samples.slice(-keep + 1), next];
  return samples;
}
