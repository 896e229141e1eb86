// Exact numbers. The API writes quantities exactly; a double holds 15 digits of them. A longer number arrives as text (api/json.ts) and
// stays text: it is grouped, compared and added digit by digit, and becomes a double only to be drawn.

export type Num = number | string;

// toNumber is for drawing and for ratios, never for showing.
export const toNumber = (n: Num | null | undefined): number => (n == null ? 0 : Number(n));

// plain writes a number without exponent: 1e21 as JavaScript would write it has none of the digits a person looks for.
function plain(n: Num): string {
  const text = String(n);
  if (!/e/i.test(text)) return text;
  return Number(text).toLocaleString("en-US", { useGrouping: false, maximumFractionDigits: 9 });
}

// exact groups the digits: 10,301,204.5. Absent values are a dash.
export function exact(n: Num | null | undefined): string {
  if (n == null || n === "") return "–";
  const [, sign = "", whole = "0", rest = ""] = /^(-?)(\d*)(\.\d+)?$/.exec(plain(n)) ?? [];
  return (sign ? "−" : "") + whole.replace(/\B(?=(\d{3})+$)/g, ",") + rest;
}

const steps: [number, string][] = [
  [1e15, "P"],
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

// short is for axes: 4 M, 1.5 k, 0.25.
export function short(n: number): string {
  const size = Math.abs(n);
  for (const [at, name] of steps) {
    if (size >= at * 0.9995) return trim(n / at) + " " + name;
  }
  return trim(n);
}

// trim keeps three significant digits and no zeros behind the point.
function trim(n: number): string {
  if (n === 0) return "0";
  const decimals = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(n)))));
  const text = n.toFixed(decimals);
  return (text.includes(".") ? text.replace(/\.?0+$/, "") : text).replace("-", "−");
}

const isBytes = (unit: string | undefined) => unit === "byte" || unit === "bytes" || unit === "B";
const isSeconds = (unit: string | undefined) => unit === "second" || unit === "seconds" || unit === "s";

// readAs tells whether amount says a figure with a unit of its own, so that none need stand beside it.
export const readAs = (n: Num | null | undefined, unit: string | undefined): boolean => (isBytes(unit) && Math.abs(toNumber(n)) >= 1e6) || (isSeconds(unit) && Math.abs(toNumber(n)) >= 7200);

// amount is a figure in a card: exact, but for bytes and long times, which people read as 1.92 TB and 127 h; the exact number is in its
// title.
export function amount(n: Num | null | undefined, unit?: string): string {
  if (n == null) return "–";
  if (!readAs(n, unit)) return exact(n);
  const hours = toNumber(n) / 3600;
  return isBytes(unit) ? axis(toNumber(n), unit) : exact(Math.abs(hours) >= 100 ? Math.round(hours) : Number(hours.toFixed(1))) + " h";
}

// stepsIn is what an axis of values up to max counts in: hours where people do.
export const stepsIn = (max: number, unit?: string): number => (isSeconds(unit) && max >= 7200 ? 3600 : 1);

// axis is short with the unit where the unit is part of how people read it.
export function axis(n: number, unit?: string): string {
  if (isSeconds(unit) && n >= 1800) return n >= 7200 || n % 3600 === 0 ? (n >= 3.6e6 ? exact(Math.round(n / 3600)) : short(n / 3600)) + " h" : short(n / 60) + " min";
  if (!isBytes(unit) || n === 0) return short(n);
  const text = short(n);
  return text + (text.includes(" ") ? "B" : " B");
}

// withUnit adds the unit's name, in the plural where English has one.
export function withUnit(n: Num | null | undefined, unit?: string): string {
  if (!unit || n == null) return exact(n);
  if (isBytes(unit)) return exact(n) + " B";
  return exact(n) + " " + plural(unit, toNumber(n));
}

export function plural(word: string, n: number): string {
  if (!word || n === 1 || /[^a-z]/i.test(word) || word.endsWith("s")) return word;
  return word.endsWith("y") && !/[aeiou]y$/.test(word) ? word.slice(0, -1) + "ies" : word + "s";
}

export const capital = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1);

// count is "1 event", "1,204 events".
export const count = (n: Num, word: string): string => exact(n) + " " + plural(word, toNumber(n));

// percent shows a ratio: 59.4 %, and < 0.1 % instead of 0.0 %.
export function percent(part: number, whole: number): string {
  if (!(whole > 0)) return "–";
  const p = (100 * part) / whole;
  if (p !== 0 && Math.abs(p) < 0.1) return "< 0.1 %";
  return (Math.abs(p) >= 100 ? Math.round(p).toString() : p.toFixed(1).replace(/\.0$/, "")).replace("-", "−") + " %";
}

// change is the difference against before, with a sign: +44 %, −12 %, new, or nothing to compare.
export function change(now: number, before: number): string {
  if (before === 0) return now === 0 ? "±0 %" : "new";
  const p = (100 * (now - before)) / before;
  const text = Math.abs(p) >= 10 ? Math.abs(p).toFixed(0) : Math.abs(p).toFixed(1).replace(/\.0$/, "");
  if (text === "0") return "±0 %";
  return (p > 0 ? "+" : "−") + Number(text).toLocaleString("en-US") + " %";
}

// groupedText groups the digits of long whole numbers in a sentence of the server.
export const groupedText = (text: string): string => text.replace(/(?<![\w.-])\d{4,}(?![\w.-]*[a-z_-])/gi, (n) => exact(n));

// add adds two exact decimals.
export function add(a: Num, b: Num): string {
  const [x, y] = [plain(a), plain(b)];
  const scale = Math.max(decimals(x), decimals(y));
  const sum = units(x, scale) + units(y, scale);
  const digits = (sum < 0n ? -sum : sum).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const rest = scale ? digits.slice(-scale).replace(/0+$/, "") : "";
  return (sum < 0n ? "-" : "") + whole + (rest ? "." + rest : "");
}

export const subtract = (a: Num, b: Num): string => {
  const text = plain(b);
  return add(a, text.startsWith("-") ? text.slice(1) : "-" + text);
};

const decimals = (text: string) => (text.includes(".") ? text.length - text.indexOf(".") - 1 : 0);
const units = (text: string, scale: number) => {
  const [whole, rest = ""] = text.split(".");
  return BigInt(whole + rest.padEnd(scale, "0"));
};
