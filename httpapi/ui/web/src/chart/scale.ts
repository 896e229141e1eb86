// Ticks that a person would have chosen.

import { civil, clock, day, instant, monthYear, weekday } from "../lib/time";

// niceMax is the top of an axis and its step, in steps of 1, 2, 2.5 or 5 times a power of ten.
export function niceAxis(max: number, about = 5): { top: number; step: number } {
  if (!(max > 0)) return { top: 1, step: 1 };
  const rough = max / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999)!;
  return { top: Math.ceil((max / step) * 0.9999) * step, step };
}

export function ticksOf(top: number, step: number): number[] {
  const out: number[] = [];
  for (let i = 0; i * step <= top * 1.0001; i++) out.push(i * step);
  return out;
}

export interface TimeTick {
  at: number;
  label: string;
}

const minute = 60_000;
const hour = 60 * minute;
const dayMs = 24 * hour;
const small = [minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, hour, 3 * hour, 6 * hour, 12 * hour];
const days = [1, 2, 5, 10, 15];

// timeTicks puts at most count labels between from and to, at round times of the zone.
export function timeTicks(from: number, to: number, zone: string, count: number): TimeTick[] {
  const rough = (to - from) / Math.max(1, count);
  const step = small.find((s) => s >= rough);
  if (step && to - from <= 5 * dayMs) return hours(from, to, zone, step);
  const wide = days.find((d) => d * dayMs >= rough);
  const out: TimeTick[] = [];
  const c = civil(from, zone);
  if (wide) {
    for (let i = 0; ; i += wide) {
      const at = instant(zone, c.year, c.month, c.day + i);
      if (at > to) return out;
      if (at >= from) out.push({ at, label: day(at, zone) });
    }
  }
  const months = Math.max(1, Math.ceil(rough / (30 * dayMs)));
  for (let i = 0; ; i += months) {
    const at = instant(zone, c.year, c.month + i, 1);
    if (at > to) return out;
    if (at >= from) out.push({ at, label: monthYear(at, zone) });
  }
}

function hours(from: number, to: number, zone: string, step: number): TimeTick[] {
  const out: TimeTick[] = [];
  const c = civil(from, zone);
  const midnight = instant(zone, c.year, c.month, c.day);
  const named = to - from > dayMs;
  for (let at = midnight; at <= to; at += step) {
    if (at < from) continue;
    out.push({ at, label: (named ? weekday(at, zone) + " " : "") + clock(at, zone) });
  }
  return out;
}
