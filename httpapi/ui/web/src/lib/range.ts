// The time ranges of the top bar, as the address has them, turned into queries.

import { startOfDay, startOfMonth } from "./time";

export const ranges = ["1h", "24h", "3d", "30d", "period", "last"] as const;
export type RangeName = (typeof ranges)[number];
export type Window = "minute" | "15m" | "hour" | "day" | "week" | "month" | "total";

export const rangeLabel: Record<RangeName, string> = {
  "1h": "1 h",
  "24h": "24 h",
  "3d": "3 d",
  "30d": "30 d",
  period: "Period",
  last: "Last",
};

export interface Span {
  from: number;
  to: number;
  window: Window;
}

const minute = 60_000;
const hour = 60 * minute;

const up = (t: number, step: number) => Math.ceil(t / step) * step;

// spanOf is the range as of now. Its edges lie on window edges, so the query changes when a window begins and not with every tick;
// the window that is not over yet is in it.
export function spanOf(name: RangeName, now: number, zone: string): Span {
  switch (name) {
    case "1h": {
      const to = up(now + 1, minute);
      return { from: to - hour, to, window: "minute" };
    }
    case "24h": {
      const to = up(now + 1, 15 * minute);
      return { from: to - 24 * hour, to, window: "15m" };
    }
    case "3d": {
      const to = up(now + 1, hour);
      return { from: to - 72 * hour, to, window: "hour" };
    }
    case "30d":
      return { from: startOfDay(now, zone, -29), to: startOfDay(now, zone, 1), window: "day" };
    case "period":
      return { from: startOfMonth(now, zone), to: startOfMonth(now, zone, 1), window: "day" };
    case "last":
      return { from: startOfMonth(now, zone, -1), to: startOfMonth(now, zone), window: "day" };
  }
}

// before is the range of the same kind that ended where this one begins.
export function before(name: RangeName, s: Span, zone: string): Span {
  if (name === "period" || name === "last") return { from: startOfMonth(s.from, zone, -1), to: s.from, window: s.window };
  return { from: s.from - (s.to - s.from), to: s.from, window: s.window };
}

export const iso = (ms: number): string => new Date(ms).toISOString().replace(".000Z", "Z");
