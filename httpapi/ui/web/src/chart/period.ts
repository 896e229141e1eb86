// The arithmetic of a period's story: running totals, the period before laid over it, the forecast.

import type { Forecast, Usage } from "../api/types";
import { add, toNumber, type Num } from "../lib/number";
import type { Span, Window } from "../lib/range";
import { monthsBefore } from "../lib/time";
import type { Ahead, Point } from "./cumulative";

// windowOf is how finely a period of a length is drawn.
export function windowOf(length: number): Window {
  const h = 3_600_000;
  return length <= 2 * h ? "minute" : length <= 30 * h ? "15m" : length <= 8 * 24 * h ? "hour" : "day";
}

// ahead is the forecast of the very period that is shown, drawn from the ends of its steps.
export function ahead(f: Forecast | undefined, span: Span): Ahead | null {
  if (!f || f.projected_total == null || !f.band || Math.abs(Date.parse(f.period.end) - span.to) > 60_000) return null;
  const starts = f.series.map((p) => Date.parse(p.start));
  return {
    end: toNumber(f.projected_total),
    lo: toNumber(f.band[0]),
    hi: toNumber(f.band[1]),
    points: f.series.map((p, i) => ({ t: starts[i + 1] ?? span.to, v: toNumber(p.cumulative), lo: toNumber(p.band[0]), hi: toNumber(p.band[1]) })),
  };
}

// running adds the windows up, exactly; the last point is now, or the end of a period that is over.
export function running(u: Usage, span: Span, now: number): { used: Point[]; usedExact: string[] } {
  const used: Point[] = [[span.from, 0]];
  const usedExact = ["0"];
  let sum: Num = 0;
  const edge = Math.min(now, span.to);
  for (const r of u.data) {
    const end = Math.min(Date.parse(r.window_end), Math.max(edge, Date.parse(r.window_start)));
    const start = Date.parse(r.window_start);
    if (start > used[used.length - 1]![0]) push(start);
    sum = add(sum, r.value ?? 0);
    push(end);
  }
  if (edge > used[used.length - 1]![0]) push(edge);
  return { used, usedExact };
  function push(t: number) {
    used.push([t, toNumber(sum)]);
    usedExact.push(String(sum));
  }
}

// crossingOf is where the line passes the limit: at the moment that the log says, when that lies in the window that passes it. Usage that
// was recorded later, as history that is brought in, passed the limit before the log saw it; then it is the place on the line.
export function crossingOf(used: readonly Point[], limit: number, logged?: number | null): { at: number; exact: boolean } | null {
  const i = used.findIndex(([, v]) => v >= limit);
  if (i < 1) return null;
  const [[t0, v0], [t1, v1]] = [used[i - 1]!, used[i]!];
  if (logged != null && logged >= t0 && logged <= t1) return { at: logged, exact: true };
  return { at: t0 + ((limit - v0) / (v1 - v0 || 1)) * (t1 - t0), exact: false };
}

// beforeOf is the start of the period before one of a quota.
export function beforeOf(period: string, from: number, to: number, zone: string): number {
  const months = { month: 1, billing: 1, quarter: 3, year: 12 }[period];
  return months ? monthsBefore(from, zone, months) : from - (to - from);
}

// shifted lays the period before over this one. A longer one ends where this one ends.
export function shifted(u: Usage, old: Span, span: Span): Point[] {
  return running(u, old, old.to).used.map(([t, v]) => [span.from + (t - old.from), v] as const).filter(([t]) => t <= span.to);
}
