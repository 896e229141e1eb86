// When a tenant's quotas passed their thresholds.

import { withQuery } from "../../api/client";
import { useGet } from "../../api/hooks";
import type { Crossing, List, QuotaStatus } from "../../api/types";

const newest = 200; // of a tenant; an open period has a handful of each quota

export function useCrossings(tenant: string): (q: QuotaStatus, threshold: number) => Crossing | undefined {
  const list = useGet<List<Crossing>>(withQuery("v1/crossings", { tenant_id: tenant, order: "newest", limit: newest }), { slow: true });
  return (q, threshold) =>
    list.data?.data.find((c) => c.quota === q.quota && c.threshold === threshold && c.user_id === q.user_id && Date.parse(c.time) >= Date.parse(q.period_start ?? c.time));
}
