// Explanations as GET /v1/explain answers them, and the way the address names what is explained.

import type { Num } from "../lib/number";
import { iso } from "../lib/range";
import { withQuery } from "./client";
import type { AsOf, DecisionWord, Override, QuotaStatus, Usage, UsageRow } from "./types";

export interface ExplainCounts {
  counted: number;
  late: number;
  voided: number;
  duplicate: number;
  conflict: number;
  rejected: number;
  denied: number;
  adjustments: number;
  bookings: number;
}

export interface ExplainEvent {
  id: string;
  source?: string;
  user_id?: string;
  kind: string;
  index: number;
  position: number;
  timestamp: string;
  received_at: string;
  status: "counted" | "voided" | "duplicate" | "conflict" | "rejected" | "denied";
  value?: Num;
  late?: boolean;
  reason?: string;
}

export interface ExplainEvents {
  counts: ExplainCounts;
  data: ExplainEvent[];
  next_cursor: string | null;
}

export interface ExplainRules {
  plan?: string;
  plan_version?: number;
  overrides: Override[];
  quotas: QuotaStatus[];
}

export interface ExplainQuota {
  before: QuotaStatus;
  cost: Num;
  row: string;
  rule: string;
}

export interface ExplainDecision {
  id: string;
  user_id?: string;
  kind: string;
  items: { feature_type: string; quantity?: Num; op?: string }[];
  index: number;
  time: string;
  attempts: number;
  status: "counted" | "denied";
  allowed: boolean;
  decision: DecisionWord;
  reason: string | null;
  binding_quota: string | null;
  quotas: ExplainQuota[];
}

export interface ExplainStep {
  number: number;
  kind: "query" | "buckets" | "events" | "rules" | "decision";
  title: string;
  query?: Usage;
  buckets?: UsageRow[];
  events?: ExplainEvents;
  rules?: ExplainRules;
  decision?: ExplainDecision;
}

export interface Explanation {
  tenant_id: string;
  meter?: string;
  as_of: AsOf;
  steps: ExplainStep[];
}

// What is explained: a decision by its id, or a meter's number between two moments.
export type Explained = { decision: string } | { meter: string; from: number; to: number };

// explainName is how the address names it: "decision:<id>" or "usage:<meter>:<from>:<to>", in milliseconds.
export const explainName = (x: Explained): string => ("decision" in x ? "decision:" + x.decision : ["usage", x.meter, x.from, x.to].join(":"));

export function explained(name: string | undefined): Explained | null {
  if (!name) return null;
  if (name.startsWith("decision:")) return { decision: name.slice(9) };
  const [, meter, from, to] = /^usage:([a-z0-9_-]+):(\d{1,15}):(\d{1,15})$/.exec(name) ?? [];
  return meter && Number(from) < Number(to) ? { meter, from: Number(from), to: Number(to) } : null;
}

export const explainPath = (tenant: string, x: Explained, more: { limit?: number; cursor?: string | null; zone?: string } = {}): string =>
  withQuery("v1/explain", {
    tenant_id: tenant,
    ...("decision" in x ? { decision: x.decision } : { meter: x.meter, from: iso(x.from), to: iso(x.to), time_zone: more.zone, limit: more.limit, cursor: more.cursor }),
  });
