// Civil time in a zone, from the zone tables of the browser.

const parts = new Map<string, Intl.DateTimeFormat>();

function partsFormat(zone: string): Intl.DateTimeFormat {
  let f = parts.get(zone);
  if (!f) {
    f = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
      weekday: "short",
    });
    parts.set(zone, f);
  }
  return f;
}

export interface Civil {
  year: number;
  month: number; // 1-12
  day: number;
  hour: number;
  minute: number;
  second: number;
}

export function civil(ms: number, zone: string): Civil {
  const out: Record<string, number> = {};
  for (const p of partsFormat(zone).formatToParts(ms)) out[p.type] = Number(p.value);
  return { year: out.year!, month: out.month!, day: out.day!, hour: out.hour!, minute: out.minute!, second: out.second! };
}

// instant is the first moment that shows the civil time; days and months beyond their ends roll over, so day 0 is the last of the
// month before. In a gap it is the moment after the gap.
export function instant(zone: string, year: number, month: number, day: number, hour = 0, minute = 0): number {
  const wanted = Date.UTC(year, month - 1, day, hour, minute);
  const offset = (at: number) => {
    const c = civil(at, zone);
    return Date.UTC(c.year, c.month - 1, c.day, c.hour, c.minute, c.second) - Math.floor(at / 1000) * 1000;
  };
  const early = wanted - offset(wanted - 86_400_000);
  const late = wanted - offset(wanted + 86_400_000);
  const [first, second] = early <= late ? [early, late] : [late, early];
  if (first + offset(first) === wanted) return first;
  if (second + offset(second) === wanted) return second;
  return second;
}

export const startOfDay = (ms: number, zone: string, addDays = 0): number => {
  const c = civil(ms, zone);
  return instant(zone, c.year, c.month, c.day + addDays);
};

export const startOfMonth = (ms: number, zone: string, addMonths = 0): number => {
  const c = civil(ms, zone);
  return instant(zone, c.year, c.month + addMonths, 1);
};

// monthsBefore is the same day and hour some months ago, or the last of that month when it is shorter.
export function monthsBefore(ms: number, zone: string, months: number): number {
  const c = civil(ms, zone);
  const last = new Date(Date.UTC(c.year, c.month - months, 0)).getUTCDate();
  return instant(zone, c.year, c.month - months, Math.min(c.day, last), c.hour, c.minute);
}

export function validZone(zone: string | undefined): boolean {
  if (!zone) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

export const localZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

const made = new Map<string, Intl.DateTimeFormat>();
function format(kind: string, zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = kind + "|" + zone;
  let f = made.get(key);
  if (!f) made.set(key, (f = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options })));
  return f;
}

const ms = (t: number | string): number => (typeof t === "number" ? t : Date.parse(t));

// shortMonth, because en-GB says "Sept".
const tidy = (text: string) => text.replace("Sept", "Sep");

export const day = (t: number | string, zone: string): string => tidy(format("d", zone, { day: "numeric", month: "short" }).format(ms(t)));
export const dayYear = (t: number | string, zone: string): string =>
  tidy(format("dy", zone, { day: "numeric", month: "short", year: "numeric" }).format(ms(t)));
export const longDay = (t: number | string, zone: string): string => format("D", zone, { day: "numeric", month: "long" }).format(ms(t));
export const month = (t: number | string, zone: string): string => format("m", zone, { month: "long" }).format(ms(t));
export const monthYear = (t: number | string, zone: string): string => tidy(format("my", zone, { month: "short", year: "numeric" }).format(ms(t)));
export const clock = (t: number | string, zone: string): string => format("t", zone, { hour: "2-digit", minute: "2-digit" }).format(ms(t));
export const clockSeconds = (t: number | string, zone: string): string =>
  format("ts", zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms(t));
export const weekday = (t: number | string, zone: string): string => format("w", zone, { weekday: "short" }).format(ms(t));
export const moment = (t: number | string, zone: string): string => day(t, zone) + ", " + clock(t, zone);
export const momentSeconds = (t: number | string, zone: string): string => day(t, zone) + ", " + clockSeconds(t, zone);

// momentOf is a moment in a list: today's without the date.
export const momentOf = (t: number | string, now: number, zone: string): string => (day(t, zone) === day(now, zone) && Math.abs(ms(t) - now) < 2 * 86_400_000 ? clockSeconds(t, zone) : moment(t, zone));

// span says a period: "1–30 Nov", "26 Oct – 25 Nov", "12:00–13:00". end is exclusive.
export function span(from: number | string, to: number | string, zone: string): string {
  const [a, b] = [ms(from), ms(to)];
  if (b - a < 86_400_000 * 0.9) return clock(a, zone) + "–" + clock(b, zone);
  const last = b - 1;
  const [x, y] = [civil(a, zone), civil(last, zone)];
  if (x.year === y.year && x.month === y.month) return x.day === y.day ? day(a, zone) : x.day + "–" + day(last, zone);
  return day(a, zone) + " – " + day(last, zone);
}

// until is a wait in words: "4 h", "3 days", "2 min".
export function until(t: number | string, now: number): string {
  return duration(Math.max(0, ms(t) - now));
}

export function duration(milliseconds: number): string {
  const s = milliseconds / 1000;
  if (s < 1) return Math.round(milliseconds) + " ms";
  if (s < 90) return Math.round(s) + " s";
  if (s < 90 * 60) return Math.round(s / 60) + " min";
  if (s < 36 * 3600) return Math.round(s / 3600) + " h";
  const days = Math.round(s / 86400);
  return days + (days === 1 ? " day" : " days");
}

const unitWords: Record<string, string> = { ms: "millisecond", s: "second", m: "minute", h: "hour", d: "day" };

// wordedLength says a length of the API in words: 3d is "3 days", 1h30m "1 hour 30 minutes".
export function wordedLength(text: string): string {
  return [...text.matchAll(/(\d+)(ms|s|m|h|d)/g)].filter(([, n]) => Number(n) > 0).map(([, n, unit]) => Number(n) + " " + unitWords[unit!] + (Number(n) === 1 ? "" : "s")).join(" ") || text;
}
