// Questions about usage, as addresses.

import { iso, type Span } from "../lib/range";
import { path, withQuery } from "./client";
import { useGet } from "./hooks";
import type { Forecast, List, Meter, QuotaStatus, Usage } from "./types";

export interface UsageQuery {
  meter: string;
  tenant?: string;
  span: Span;
  zone: string;
  window?: string;
  groupBy?: string;
  filter?: Record<string, string | undefined>;
  compare?: boolean;
  format?: "csv";
}

export function usagePath(q: UsageQuery): string {
  const filters = Object.fromEntries(Object.entries(q.filter ?? {}).map(([name, value]) => [`filter[${name}]`, value]));
  return withQuery("v1/usage", {
    meter: q.meter,
    tenant_id: q.tenant,
    from: iso(q.span.from),
    to: iso(q.span.to),
    window: q.window ?? q.span.window,
    time_zone: q.zone,
    group_by: q.groupBy,
    ...filters,
    compare: q.compare ? "previous" : undefined,
    format: q.format,
  });
}

export const useUsage = (q: UsageQuery | null) => useGet<Usage>(q && usagePath(q));

export const quotasPath = (tenant: string, user?: string) => withQuery(path`v1/tenants/${tenant}/quotas`, { user_id: user });
export const useQuotas = (tenant: string | null) => useGet<List<QuotaStatus>>(tenant === null ? null : quotasPath(tenant));

export const forecastPath = (tenant: string, meter: string) => withQuery(path`v1/tenants/${tenant}/forecast`, { meter });
export const useForecast = (tenant: string, meter: string | null) => useGet<Forecast>(meter === null ? null : forecastPath(tenant, meter), { fresh: true, slow: true });

// adds reports whether the values of neighbouring windows may be added up.
export const adds = (aggregation: string): boolean => aggregation === "sum" || aggregation === "count";

export const meterName = (m: Meter): string => m.name || m.slug;
