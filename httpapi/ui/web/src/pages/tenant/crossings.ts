// When a tenant's quotas passed their thresholds.

import { withQuery } from "../../api/client";
import { useAll } from "../../api/hooks";
import type { Crossing, QuotaStatus } from "../../api/types";

export function useCrossings(tenant: string): (q: QuotaStatus, threshold: number) => Crossing | undefined {
  const list = useAll<Crossing>(withQuery("v1/crossings", { tenant_id: tenant }));
  return (q, threshold) =>
    list.data?.findLast((c) => c.quota === q.quota && c.threshold === threshold && c.user_id === q.user_id && Date.parse(c.time) >= Date.parse(q.period_start ?? c.time));
}
