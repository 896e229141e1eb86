// The portal's one question: how much is left, and when does it stop.

import type { Forecast, MeterSummary, QuotaStatus, Tenant } from "../api/types";
import { add, amount, exact, subtract, toNumber } from "../lib/number";
import { overageOf } from "../lib/quota";
import { clock, longDay } from "../lib/time";

const during: Record<string, string> = { minute: "this minute", hour: "this hour", day: "today", week: "this week", month: "this month", quarter: "this quarter", year: "this year", billing: "in this billing period" };

export interface Hero {
  label: string;
  value: string;
  exact: string;
  rest: string;
}

export function hero(q: QuotaStatus, m: MeterSummary | undefined, tenant: Tenant): Hero {
  const name = m?.name ?? q.meter;
  const when = during[q.period] ? " " + during[q.period] : "";
  const unit = m?.unit;
  if (q.limit === null) return { label: name + " used" + when, value: amount(q.used, unit), exact: exact(q.used), rest: "without a limit" };
  const over = overageOf(tenant, undefined, q.quota);
  if (q.exceeded && over !== undefined && over !== "unlimited" && q.mode === "enforce") {
    const left = subtract(add(q.limit, over), add(q.used, q.reserved));
    const rest = toNumber(left) > 0 ? left : "0";
    return { label: name + " left" + when, value: amount(rest, unit), exact: exact(rest), rest: "of overage, then requests stop" };
  }
  if (q.exceeded) return { label: name + " over the limit" + when, value: amount(q.overage_used, unit), exact: exact(q.overage_used), rest: q.decision === "block" && q.mode === "enforce" ? "requests are refused" : "and counting as overage" };
  return { label: name + " left" + when, value: amount(q.remaining, unit), exact: exact(q.remaining), rest: toNumber(q.remaining) === 0 ? (q.mode === "enforce" ? "requests stop here" : "") : "of " + amount(q.limit, unit) };
}

// pace is the sentence of the banner, when there is one to say.
export function pace(q: QuotaStatus, m: MeterSummary | undefined, f: Forecast | undefined, zone: string): string | null {
  const name = m?.name ?? q.meter;
  if (q.exceeded || q.limit === null) return null;
  if (f?.crosses_limit_at && f.quota === q.quota) {
    const soon = Date.parse(f.crosses_limit_at) - Date.now() < 36 * 3_600_000;
    return `At today's pace the limit of ${name} is reached on ${longDay(f.crosses_limit_at, zone)}${soon ? " at " + clock(f.crosses_limit_at, zone) : ""}.`;
  }
  if (toNumber(q.remaining) === 0 && q.mode === "enforce") return `${name}: nothing is left until ${q.reset_at ? longDay(q.reset_at, zone) : "the limit is raised"}.`;
  return null;
}
