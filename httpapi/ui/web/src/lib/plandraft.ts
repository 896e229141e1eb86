// A plan while it is edited: every field is the text that is in its box. Turning it back keeps what the editor does not show.

import { decimal, isDecimal, num } from "../api/json";
import type { Period, Plan, Quota } from "../api/types";
import { amount, exact, type Num } from "./number";

export const calendar = ["minute", "hour", "day", "week", "month", "quarter", "year", "billing", "lifetime"] as const;

export interface QuotaDraft {
  key: number; // of the row on the page
  slug: string;
  meter: string;
  kind: string; // a calendar period, "sliding", "first_use" or "rate"
  length: string; // of sliding, first_use; the "per" of a rate
  limit: string; // "" means unlimited
  burst: string;
  overage: string;
  mode: string;
  scope: string;
  warnAt: string; // percent
  rest: Partial<Quota>; // what has no box
}

export interface PlanDraft {
  slug: string;
  name: string;
  quotas: QuotaDraft[];
  rest: Partial<Plan>;
}

let keys = 0;

export const emptyQuota = (meter: string): QuotaDraft => ({ key: ++keys, slug: "", meter, kind: "month", length: "", limit: "", burst: "", overage: "", mode: "enforce", scope: "tenant", warnAt: "80", rest: {} });

const shown = (n: Num | null | undefined) => (n == null ? "" : n === "unlimited" ? "unlimited" : exact(n));

export function draftOf(p: Plan): PlanDraft {
  const { slug, name, quotas, version: _v, tenants: _t, archived: _a, created_at: _c, ...rest } = p;
  return { slug, name: name ?? "", rest, quotas: quotas.map(quotaDraft) };
}

function quotaDraft(q: Quota): QuotaDraft {
  const { slug, meter, period, limit, overage, mode, scope, rate, warn_at, ...rest } = q;
  const [kind, length] = rate ? ["rate", rate.per] : periodParts(period);
  return {
    key: ++keys,
    slug,
    meter,
    kind,
    length,
    limit: shown(rate ? rate.limit : limit),
    burst: rate ? shown(rate.burst) : "",
    overage: shown(overage),
    mode: mode ?? "enforce",
    scope: scope ?? "tenant",
    warnAt: warn_at == null ? "" : String(Number((Number(warn_at) * 100).toFixed(6))),
    rest,
  };
}

function periodParts(p: Period | undefined): [string, string] {
  if (!p) return ["month", ""];
  if (typeof p === "string") return [p, ""];
  return "sliding" in p ? ["sliding", p.sliding] : ["first_use", p.first_use];
}

export const isSlug = (text: string): boolean => /^[a-z0-9_-]{1,64}$/.test(text);
export const slugRule = "The slug is 1 to 64 of a-z, 0-9, _ and -";

// faults names what cannot be sent, by field.
export function faults(q: QuotaDraft): Partial<Record<keyof QuotaDraft, string>> {
  const out: Partial<Record<keyof QuotaDraft, string>> = {};
  if (!isSlug(q.slug)) out.slug = slugRule;
  if (q.limit !== "" && !isDecimal(q.limit)) out.limit = "The limit is a number, or empty for none";
  if (q.kind === "rate" && q.limit === "") out.limit = "A rate needs a limit";
  if (q.kind === "rate" && q.burst !== "" && !isDecimal(q.burst)) out.burst = "The burst is a number, or empty for the limit";
  if (["rate", "sliding", "first_use"].includes(q.kind) && !/^(\d+(ms|s|m|h|d))+$/.test(q.length)) out.length = "A length is written like 1h30m or 30d";
  if (q.overage !== "" && q.overage !== "unlimited" && !isDecimal(q.overage)) out.overage = "The overage is a number, or the word unlimited";
  if (q.warnAt !== "" && !(Number(q.warnAt) >= 0 && Number(q.warnAt) <= 100)) out.warnAt = "The warning is at 0 to 100 %";
  return out;
}

// wrong is the first of them.
export const wrong = (q: QuotaDraft): string | undefined => Object.values(faults(q))[0];

export function planBody(d: PlanDraft): Record<string, unknown> {
  return { ...d.rest, ...(d.name ? { name: d.name } : {}), quotas: d.quotas.map(quotaBody) };
}

function quotaBody(q: QuotaDraft): Record<string, unknown> {
  const common = { ...q.rest, slug: q.slug, meter: q.meter, scope: q.scope, mode: q.mode };
  if (q.kind === "rate") {
    const { max_delay: _m, warning_thresholds: _w, throttle_at: _t, grace_period: _g, ...rest } = common as Record<string, unknown>;
    return { ...rest, rate: { limit: decimal(q.limit), per: q.length, ...(q.burst ? { burst: decimal(q.burst) } : {}) } };
  }
  return {
    ...common,
    period: q.kind === "sliding" || q.kind === "first_use" ? { [q.kind]: q.length } : q.kind,
    limit: q.limit === "" ? null : decimal(q.limit),
    ...(q.overage === "" ? {} : { overage: q.overage === "unlimited" ? q.overage : decimal(q.overage) }),
    warn_at: q.warnAt === "" ? null : num(String(Number((Number(q.warnAt) / 100).toFixed(9)))),
  };
}

const ofTime: Record<string, string> = { "1s": "a second", "1m": "a minute", "1m0s": "a minute", "1h": "an hour", "1h0m0s": "an hour", "24h": "a day", "1d": "a day" };

// rateText is the time of a rate, behind its limit: a second, per 10s.
export const rateText = (per: string): string => ofTime[per] ?? "per " + per;

// limitText is a quota's limit in a cell: 10,000,000, 60 GB, 50 a second, no limit.
export function limitText(q: Quota, unit?: string): string {
  if (q.rate) return amount(q.rate.limit, unit) + " " + rateText(q.rate.per);
  return q.limit == null ? "no limit" : amount(q.limit, unit);
}

export function periodText(q: Quota): string {
  if (q.rate) return "rate";
  const [kind, length] = periodParts(q.period);
  return kind === "sliding" ? "in any " + length : kind === "first_use" ? length + " from first use" : kind === "lifetime" ? "for good" : "a " + (kind === "billing" ? "billing period" : kind);
}
