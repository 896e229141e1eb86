// Quantiles of the histograms of GET /v1/system.

import type { Histogram } from "../api/types";

export const countOf = (h: Histogram): number => h.counts.reduce((n, c) => n + c, 0);

// since is what was added to a histogram; all of it when the server was started again in between.
export function since(before: Histogram | undefined, now: Histogram): Histogram {
  if (!before || before.counts.length !== now.counts.length || now.counts.some((c, i) => c < before.counts[i]!)) return now;
  return { bounds_nanos: now.bounds_nanos, counts: now.counts.map((c, i) => c - before.counts[i]!), sum_nanos: now.sum_nanos - before.sum_nanos };
}

// quantile is the time in nanoseconds that a share of the times stay below, evenly spread within its bucket; null: there are none.
export function quantile(h: Histogram, share: number): number | null {
  const n = countOf(h);
  if (n === 0) return null;
  let left = share * n;
  for (let i = 0; i < h.counts.length; i++) {
    const c = h.counts[i]!;
    if (c > 0 && left <= c) {
      const low = i === 0 ? 0 : h.bounds_nanos[i - 1]!;
      const high = h.bounds_nanos[i] ?? low * 2;
      return low + (left / c) * (high - low);
    }
    left -= c;
  }
  return h.bounds_nanos[h.bounds_nanos.length - 1] ?? null;
}

// latency says a time with three digits at most: 0.15 ms, 12.3 ms, 1.2 s.
export function latency(nanos: number | null): string {
  if (nanos === null) return "–";
  const ms = nanos / 1e6;
  const [v, unit] = ms >= 1000 ? [ms / 1000, " s"] : [ms, " ms"];
  return Number(v.toFixed(v >= 100 ? 0 : v >= 10 ? 1 : 2)).toString() + unit;
}
