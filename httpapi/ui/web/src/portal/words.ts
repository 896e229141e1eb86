// The portal's one question: how much is left, and when does it stop. In the words of a customer, who knows no quota and no overage rule.

import type { Forecast, QuotaStatus, QuotaTerms } from "../api/types";
import { add, amount, count, exact, readAs, subtract, toNumber, withUnit, type Num } from "../lib/number";
import { rateText } from "../lib/plandraft";
import type { Words } from "../lib/quota";
import { clock, day, longDay, wordedLength } from "../lib/time";

const during: Record<string, string> = { minute: "this minute", hour: "this hour", day: "today", week: "this week", month: "this month", quarter: "this quarter", year: "this year", billing: "in this billing period" };

export interface Hero {
  label: string;
  value: string;
  exact: string;
  rest: string;
}

// Case is one quota with all that there is to say of it.
export interface Case {
  quota: QuotaStatus;
  terms?: QuotaTerms;
  zone: string;
  now: number;
}

const nameOf = (c: Case) => c.terms?.meter_name ?? c.quota.meter;
const amountOf = (c: Case, n: Num | null | undefined) => amount(n, c.terms?.unit);

// whole says an amount with its unit, which stands nowhere beside it in a sentence.
const whole = (c: Case, n: Num | null | undefined) => (readAs(n, c.terms?.unit) ? amountOf(c, n) : withUnit(n, c.terms?.unit));

const blocked = (c: Case) => c.quota.decision === "block" && c.quota.mode === "enforce";

// beyond: usage and what is reserved are over the limit, and it goes on.
const beyond = (c: Case) => !blocked(c) && (c.quota.exceeded || c.quota.decision === "overage");

// stops is what happens at the end: levels are raised, everything else is asked for.
const levels = (c: Case) => c.terms?.aggregation === "latest";
const stop = (c: Case) => (levels(c) ? "no more can be added" : "requests stop");
const stopped = (c: Case) => (levels(c) ? "No more can be added" : "Requests are refused");

// moment is a day, with the hour when that is near.
const moment = (c: Case, t: string) => longDay(t, c.zone) + (Math.abs(Date.parse(t) - c.now) < 36 * 3_600_000 ? " at " + clock(t, c.zone) : "");

// until is how long it stays so: " until 1 December".
function until(c: Case): string {
  if (c.quota.period.startsWith("sliding")) return " until some of it is long enough ago";
  return c.quota.reset_at ? " until " + moment(c, c.quota.reset_at) : "";
}

// room is what may still be used beyond the limit; undefined: as much as one likes, or nobody said.
function room(c: Case): Num | undefined {
  const { quota: q, terms } = c;
  if (!terms || terms.overage === "unlimited" || q.mode !== "enforce" || q.limit === null) return undefined;
  const left = subtract(add(q.limit, terms.overage), add(q.used, q.reserved));
  return left.startsWith("-") ? "0" : left;
}

// ends is when a running grace period ends; null when the quota starts anew before.
function ends({ quota: q, terms }: Case): string | null {
  const at = terms?.grace_ends_at;
  if (!at || q.mode !== "enforce") return null;
  return q.reset_at && Date.parse(q.reset_at) <= Date.parse(at) ? null : at;
}

export function hero(c: Case): Hero {
  const { quota: q } = c;
  const when = during[q.period] ? " " + during[q.period] : "";
  const of = (what: string, n: Num | null, rest: string) => ({ label: nameOf(c) + " " + what + when, value: amountOf(c, n), exact: exact(n), rest });
  if (q.limit === null) return of("used", q.used, "without a limit");
  if (blocked(c)) return of("left", 0, toNumber(q.limit) === 0 ? "not in your plan" : stopped(c).toLowerCase());
  if (beyond(c)) {
    const left = room(c);
    if (left === undefined) return of("over the limit", q.overage_used, "and counting as overage");
    return of("left", left, toNumber(left) === 0 ? stopped(c).toLowerCase() : "of overage, then " + stop(c));
  }
  if (toNumber(q.limit) === 0) return of("left", 0, "not in your plan");
  return of("left", q.remaining, toNumber(q.remaining) === 0 && q.mode === "enforce" && !roomBeyond(c) ? stop(c) + " here" : "of " + whole(c, q.limit));
}

// roomBeyond tells whether usage may pass the limit at all.
const roomBeyond = ({ terms }: Case) => !!terms && terms.grace_period !== "0s" && (terms.overage === "unlimited" || toNumber(terms.overage) > 0);

export interface Notice {
  text: string;
  tone: "over" | "warn";
}

// notice is the sentence of the banner, when there is one to say.
export function notice(c: Case, f?: Forecast): Notice | null {
  const { quota: q, terms } = c;
  if (q.limit === null || toNumber(q.limit) === 0) return null;
  const passed = `${nameOf(c)} passed the limit of ${whole(c, q.limit)}`;
  if (blocked(c) && q.reason === "grace_expired")
    return { text: `${passed}, and the ${terms?.grace_period ? wordedLength(terms.grace_period) + " " : "time "}beyond it ended${terms?.grace_ends_at ? " on " + moment(c, terms.grace_ends_at) : ""}. ${stopped(c)}${until(c)}.`, tone: "over" };
  if (blocked(c)) return { text: `${passed}${extra(c) ? " and the " + extra(c) + " of overage" : ""}. ${stopped(c)}${until(c)}.`, tone: "over" };
  if (beyond(c)) return { text: `${passed}${q.exceeded ? "" : " with what is reserved"}. ${goesOn(c)}`, tone: "over" };
  if (q.decision === "throttle") return { text: `Requests are slowed down, so that what is left of ${nameOf(c)} lasts${until(c)}.`, tone: "warn" };
  if (toNumber(q.remaining) === 0 && q.mode === "enforce" && !roomBeyond(c)) return { text: `${nameOf(c)}: nothing is left${until(c) || " until the limit is raised"}.`, tone: "over" };
  if (f?.crosses_limit_at && f.quota === q.quota) return { text: `At today's pace the limit of ${nameOf(c)} is reached on ${moment(c, f.crosses_limit_at)}.`, tone: "warn" };
  return null;
}

// extra is the overage that is allowed, when it has an end.
const extra = (c: Case) => (c.terms && c.terms.overage !== "unlimited" && toNumber(c.terms.overage) > 0 ? whole(c, c.terms.overage) : "");

// goesOn says how long what is over may go on.
function goesOn(c: Case): string {
  const [left, end] = [room(c), ends(c)];
  const what = levels(c) ? "More can be added" : "Requests go on";
  if (left !== undefined && toNumber(left) === 0) return `All ${extra(c)} of overage are used: ${stopped(c).toLowerCase()}${until(c)}.`;
  if (end) return `${what} until ${moment(c, end)}${left === undefined ? "" : ", or until " + whole(c, left) + " more are used"}; then ${levels(c) ? "no more can be added" : "they stop"}${until(c)}.`;
  if (left !== undefined) return `${amountOf(c, left)} of ${extra(c)} of overage are left, then ${stop(c)}${until(c)}.`;
  return "It counts as overage" + (c.quota.reset_at && !c.quota.period.startsWith("sliding") ? ", and starts anew on " + moment(c, c.quota.reset_at) : "") + ".";
}

// outlook says what will happen at the limit, while it is not reached.
export function outlook(c: Case): string | null {
  const { quota: q, terms } = c;
  if (!terms || q.limit === null || toNumber(q.limit) === 0 || q.mode === "shadow" || blocked(c) || beyond(c)) return null;
  const slow = terms.throttle_at !== null && q.decision !== "throttle" ? `From ${percentText(terms.throttle_at)} on requests are slowed down, so that the rest lasts. ` : "";
  const long = terms.grace_period && wordedLength(terms.grace_period);
  const then = `, then ${stop(c)}${until(c)}.`;
  if (!roomBeyond(c)) return slow + `At the limit ${stop(c)}${until(c)}.`;
  if (terms.overage === "unlimited") return slow + (long ? `Beyond the limit it goes on for ${long}${then}` : "Beyond the limit nothing stops: it counts as overage.");
  return slow + `Beyond the limit ${extra(c)} more are allowed${long ? " within " + long : ""}${then}`;
}

const percentText = (ratio: Num) => Number((toNumber(ratio) * 100).toFixed(4)) + " %";

// inBrief adds to the words of a card how long what is over may go on.
export function inBrief(c: Case, words: Words): Words {
  if (!beyond(c)) return words;
  const [left, end] = [room(c), ends(c)];
  const more = [...(left === undefined ? [] : [amountOf(c, left) + " more allowed"]), ...(end ? ["until " + day(end, c.zone)] : [])];
  return more.length ? { ...words, text: words.text + ", " + more.join(" ") } : words;
}

// paces says how fast it may go: "No more than 50 calls a second, 60 at once."
export function paces(terms: QuotaTerms[], quotas: QuotaStatus[]): string[] {
  return terms.flatMap((t) => {
    if (!t.rate || quotas.find((q) => q.quota === t.quota)?.mode !== "enforce") return [];
    const limit = t.unit ? count(t.rate.limit, t.unit) : exact(t.rate.limit) + " of " + t.meter_name;
    const burst = t.rate.burst !== undefined && toNumber(t.rate.burst) !== toNumber(t.rate.limit) ? ", " + exact(t.rate.burst) + " at once" : "";
    return [`No more than ${limit} ${rateText(t.rate.per)}${burst}.`];
  });
}
