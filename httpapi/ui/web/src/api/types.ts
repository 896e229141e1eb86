// What the API answers, in its own names.

import type { Num } from "../lib/number";

export interface List<T> {
  data: T[];
  next_cursor: string | null;
}

export interface Tenant {
  id: string;
  name: string;
  plan: string | null;
  plan_version?: number;
  time_zone: string;
  billing_anchor: string | null;
  metadata: Record<string, unknown>;
  stripe_customer_id?: string;
  pending_plan?: { plan: string; version?: number; effective?: string };
  overrides: Override[];
  quota?: QuotaStatus; // in a list by usage: the fullest
}

export interface Override {
  quota: string;
  fields: Record<string, unknown>;
  effective_from?: string | null;
  effective_until?: string | null;
}

export type DecisionWord = "allow" | "warn" | "throttle" | "overage" | "block";

export interface QuotaStatus {
  quota: string;
  meter: string;
  scope: "tenant" | "user";
  user_id: string | null;
  mode: "enforce" | "soft" | "shadow";
  period: string;
  limit: Num | null;
  used: Num;
  reserved: Num;
  remaining: Num | null;
  percentage: Num | null;
  overage_used: Num;
  exceeded: boolean;
  decision: DecisionWord;
  reason: string | null;
  would: DecisionWord | null;
  retry_after_ms: number | null;
  on_error: string;
  period_start: string | null;
  reset_at: string | null;
}

export interface Meter {
  slug: string;
  name?: string;
  event_type: string;
  aggregation: string;
  value_property?: string;
  unique_property?: string;
  scale?: number;
  unit?: string;
  filters?: unknown;
  dimensions?: string[];
}

export type Period = string | { sliding: string } | { first_use: string };

export interface Quota {
  slug: string;
  meter: string;
  scope?: "tenant" | "user";
  mode?: "enforce" | "soft" | "shadow";
  period?: Period;
  limit?: Num | null;
  overage?: Num;
  grace_period?: string | null;
  warn_at?: Num | null;
  throttle_at?: Num | null;
  max_delay?: string;
  warning_thresholds?: number[];
  rate?: { limit: Num; per: string; burst?: Num };
  on_error?: "closed" | "open";
}

export interface Plan {
  slug: string;
  name?: string;
  currency?: string;
  billing_period?: string;
  quotas: Quota[];
  version?: number;
  tenants?: number;
  archived?: boolean;
  created_at?: string;
}

export interface PlanTrial {
  tenants: number;
  tenants_over: string[];
  identical: boolean;
}

export interface AsOf {
  index: number;
  time: string | null; // null: nothing was written yet
}

export interface UsageRow {
  window_start: string;
  window_end: string;
  value: Num | null;
  group: Record<string, string | null>;
  partial: boolean;
  previous?: Num | null;
}

export interface Usage {
  meter: string;
  aggregation: string;
  unit: string;
  from: string;
  to: string;
  window: string;
  time_zone: string;
  data: UsageRow[];
  as_of: AsOf;
  next_cursor: string | null;
}

export interface Crossing {
  number: number;
  index: number;
  time: string;
  tenant_id: string;
  user_id: string | null;
  quota: string;
  meter: string;
  threshold: number;
  used: Num;
  limit: Num;
  period_start?: string;
  period_end?: string;
}

export interface DecisionRow {
  id: string;
  time: string;
  tenant_id: string;
  user_id?: string;
  feature_type: string;
  quantity?: Num;
  allowed: boolean;
  decision: DecisionWord;
  reason: string | null;
  binding_quota: string | null;
  status: string;
}

export interface AuditRow {
  number: number;
  index: number;
  time: string;
  actor: string;
  action: string;
  target: string;
  before: unknown;
  after: unknown;
  request_id?: string;
}

export interface Settings {
  default_plan?: string | null;
  unknown_tenants?: "create" | "reject";
  upgrade_url?: string | null;
  retention?: { raw?: string | null; minute?: string | null; quarter_hour?: string | null; hour?: string | null };
}

export interface Check {
  name: string;
  ok: boolean;
  detail?: string;
  fatal?: boolean;
}

export interface StorageClass {
  class: string;
  keep: string | null;
  since: string | null;
  bytes: number | null;
}

export interface System {
  version: { version: string; commit: string; go: string; os: string; arch: string };
  uptime_seconds: number;
  stats: Record<string, unknown>;
  storage: StorageClass[];
  checks: Check[];
}

export interface MeterStats {
  meter: string;
  tenants: number;
  late: number;
  duplicates: number;
  conflicts: number;
  rejected: number;
  denied: number;
  groups_day: number;
  groups_day_max: number;
}

export interface ServerSetting {
  name: string;
  value: string;
  origin: string;
}

// The figures of GET /v1/system that the pages draw. Others are shown by their names.
export interface Histogram {
  bounds_nanos: number[];
  counts: number[];
  sum_nanos: number;
}

export interface Recommendation {
  kind: "plan_up" | "plan_down" | "burst_quota" | "cost_driver" | "unused_feature";
  reason: string;
  meter?: string;
  plan?: string;
  periods?: number;
  fill?: number;
  dimension?: string;
  value?: string;
  share?: number;
  factor?: number;
  peak_start?: string;
  rate?: number;
  rate_per?: string;
  rate_burst?: number;
}

export interface Recommendations {
  data: Recommendation[];
  plan: string | null;
  periods: Interval[];
}

export interface Forecast {
  meter: string;
  unit: string;
  quota: string | null;
  limit: Num | null;
  period: Interval;
  used: Num;
  projected_total: Num | null;
  likely_overage: Num | null;
  crosses_limit_at: string | null;
  confidence: string;
  daily_rate: Num | null;
  band: Num[] | null; // low and high
  note: string | null;
  series: { start: string; value: Num; cumulative: Num; band: Num[] }[];
}

export interface ItemCounts {
  counted: number;
  duplicates: number;
  conflicts: number;
  rejected: number;
  denied: number;
}

export interface MeterTotal {
  meter: string;
  name: string;
  unit: string;
  aggregation: string;
  basis: "range" | "month" | "now";
  tenants: number;
  value: Num | null;
  previous: Num | null;
  series: (Num | null)[];
}

export interface Attention {
  tenant_id: string;
  name: string;
  plan: string;
  why: "over" | "near" | "pace";
  quota: QuotaStatus;
  crosses_limit_at: string | null;
}

export interface TopTenant {
  tenant_id: string;
  name: string;
  plan: string;
  value: Num;
  quota: QuotaStatus | null;
}

export interface OverviewBody {
  range: string;
  from: string;
  to: string;
  now: string;
  step_seconds: number;
  tenants: number;
  active_tenants: number;
  items: ItemCounts & { per_second: Num; previous: ItemCounts; series: number[] };
  meters: MeterTotal[];
  top_tenants: { meter: string; data: TopTenant[] };
  attention: Attention[];
  attention_total: number;
}

export interface MeterSummary {
  meter: string;
  name: string;
  unit: string;
  aggregation: string;
  value: Num | null;
  previous: Num | null;
  previous_to_date: Num | null;
  trend: Num | null;
  sparkline: (Num | null)[];
}

export interface QuotaTerms {
  quota: string;
  meter_name: string;
  unit: string;
  aggregation: string;
  overage: Num | "unlimited";
  grace_period: string | null;
  grace_ends_at: string | null;
  throttle_at: Num | null;
  rate: { limit: Num; per: string; burst?: Num } | null;
}

export interface Interval {
  start: string;
  end: string;
}

export interface Summary {
  tenant: Tenant;
  plan: { slug: string; name: string; version: number; newest_version: number } | null;
  time_zone: string;
  period: Interval;
  previous_period: Interval;
  quotas: QuotaStatus[];
  terms: QuotaTerms[];
  meters: MeterSummary[];
  denials: { last_24h: number; newest: DecisionRow[] };
  upgrade_url: string | null;
  as_of: AsOf;
}
