// What a quota says about itself, in words: the label of its gauge and the line below it.

import type { Forecast, Plan, QuotaStatus, Tenant } from "../api/types";
import { amount, exact, percent, plural, subtract, toNumber, type Num } from "./number";
import { day, until } from "./time";

export type Tone = "over" | "warn" | "ok" | "flat";

export interface Words {
  text: string;
  tone: Tone;
}

export const isNear = (q: QuotaStatus): boolean => q.decision === "warn" || q.decision === "throttle" || (toNumber(q.percentage) >= 80 && !q.exceeded);

// forecastOf is the projected total when there is one to trust.
export const forecastOf = (f: Forecast | undefined): number => (f && f.projected_total != null ? toNumber(f.projected_total) : 0);

export function quotaWords(q: QuotaStatus, zone: string, now: number, unit?: string, forecast?: Forecast): Words {
  if (q.limit === null) return { text: "no limit", tone: "flat" };
  const [used, limit, reserved] = [toNumber(q.used), toNumber(q.limit), toNumber(q.reserved)];
  if (q.period === "rate") return { text: q.decision === "block" ? "stopped until it refills" : "may be spent at once", tone: q.decision === "block" ? "over" : "flat" };
  if (q.decision === "block" && q.mode === "enforce") return { text: limit === 0 ? "not in the plan" : "stopped: " + overText(q, unit), tone: "over" };
  if (q.exceeded || used > limit) return { text: overText(q, unit), tone: "over" };
  if (used + reserved >= limit) return { text: reserved > 0 ? "nothing left but what is reserved" : "nothing left", tone: "over" };
  const crosses = forecast?.crosses_limit_at;
  if (crosses && Date.parse(crosses) > now && (!q.reset_at || Date.parse(crosses) < Date.parse(q.reset_at)))
    return { text: "crosses on " + day(crosses, zone), tone: "over" };
  const slowed = q.decision === "throttle" ? ", slowed down" : "";
  const left = toNumber(q.remaining);
  if (Number.isInteger(left) && left <= 20) return { text: exact(q.remaining) + " " + (unit && left === 1 ? plural(unit, 1) + " left" : "left") + slowed, tone: isNear(q) ? "warn" : "flat" };
  if (isNear(q)) return { text: amount(q.remaining, unit) + " left" + slowed, tone: "warn" };
  const projected = forecastOf(forecast);
  if (projected > 0) return { text: percent(projected, limit) + " at period end", tone: "flat" };
  return { text: percent(used, limit) + " used", tone: "flat" };
}

function overText(q: QuotaStatus, unit?: string): string {
  const [used, limit] = [toNumber(q.used), toNumber(q.limit)];
  if (limit === 0 || (used <= limit && !q.exceeded)) return "at the limit";
  const p = (100 * (used - limit)) / limit; // of two long numbers that are neighbours: 0
  return p < 1 ? "over by " + amount(subtract(q.used, q.limit!), unit) : "over by " + Math.round(p).toLocaleString("en-US") + " %";
}

// gaugeLabel is the gauge for who cannot see it.
export function gaugeLabel(q: QuotaStatus, words: Words, unit?: string): string {
  const of = q.limit === null ? " used" : " of " + exact(q.limit) + " used";
  const held = toNumber(q.reserved) > 0 ? ", " + exact(q.reserved) + " reserved" : "";
  return q.quota + ": " + exact(q.used) + (unit ? " " + plural(unit, toNumber(q.used)) : "") + of + held + ", " + words.text;
}

// resets says when the quota starts anew.
export function resets(q: QuotaStatus, zone: string, now: number): string {
  if (!q.reset_at) return q.period === "lifetime" ? "never resets" : periodName(q.period);
  const at = Date.parse(q.reset_at);
  if (q.period === "rate") return "refills";
  return at - now < 36 * 3_600_000 ? "resets in " + until(at, now) : "resets " + day(at, zone);
}

export function periodName(period: string): string {
  if (period.startsWith("sliding:")) return "the last " + period.slice(8);
  if (period.startsWith("first_use:")) return period.slice(10) + " from first use";
  return period;
}

// perPeriod says it behind a limit: 1,000 a month, 20 for good.
export function perPeriod(period: string): string {
  if (period === "lifetime") return "for good";
  if (period === "billing") return "a billing period";
  if (period.startsWith("sliding:")) return "in any " + period.slice(8);
  return period.startsWith("first_use:") ? "in " + periodName(period) : "a " + period;
}

// byUrgency orders quotas for an eye that has little time: over, then near, then fullest; what only reports comes last.
export function byUrgency(a: QuotaStatus, b: QuotaStatus): number {
  const rank = (q: QuotaStatus) => (q.mode === "shadow" ? -1 : q.exceeded ? 3 : q.decision === "block" ? 2 : isNear(q) ? 1 : 0);
  return rank(b) - rank(a) || toNumber(b.percentage) - toNumber(a.percentage);
}

export const limitWords = (limit: Num | null | undefined, unit?: string): string => (limit == null ? "no limit" : "of " + amount(limit, unit));

// overageOf is what a tenant may use beyond the limit: its override's, else its plan's. A plan's newer version may say another number
// than the one that the tenant is on, so it counts only when they are the same.
export function overageOf(tenant: Tenant, plan: Plan | undefined, quota: string): Num | undefined {
  const own = tenant.overrides.find((o) => o.quota === quota)?.fields.overage as Num | undefined;
  if (own !== undefined) return own;
  return plan && plan.version === tenant.plan_version ? plan.quotas.find((q) => q.slug === quota)?.overage : undefined;
}
