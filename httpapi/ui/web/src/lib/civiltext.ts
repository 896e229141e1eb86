// Civil time of a zone, as a datetime-local field has it: 2026-01-15T00:00.

import { civil, instant } from "./time";

const two = (n: number) => String(n).padStart(2, "0");

export function civilText(at: string, zone: string): string {
  const c = civil(Date.parse(at), zone);
  return `${String(c.year).padStart(4, "0")}-${two(c.month)}-${two(c.day)}T${two(c.hour)}:${two(c.minute)}`;
}

// instantOf is the first moment in the zone that shows the text; undefined when it is none.
export function instantOf(text: string, zone: string): string | undefined {
  const [, year, month, day, hour, minute] = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)/.exec(text) ?? [];
  if (!year) return undefined;
  return new Date(instant(zone, Number(year), Number(month), Number(day), Number(hour), Number(minute))).toISOString().replace(".000Z", "Z");
}
