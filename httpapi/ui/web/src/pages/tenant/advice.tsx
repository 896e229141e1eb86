// What weir recommends for a tenant. Shown only where there is something to say.

import { Link } from "@tanstack/react-router";
import { path } from "../../api/client";
import { useGet } from "../../api/hooks";
import type { Tenant } from "../../api/types";
import { Card } from "../../ui/parts";

interface Recommendation {
  kind: string;
  reason: string;
  meter?: string;
  plan?: string;
}

const kinds: Record<string, string> = {
  plan_up: "A bigger plan fits better",
  plan_down: "A smaller plan would do",
  cost_driver: "What drives the usage",
  burst_quota: "Peaks that a rate could pace",
  unused: "Not used",
  unused_feature: "Not used",
};

export function Advice({ tenant }: { tenant: Tenant }) {
  const list = useGet<{ data: Recommendation[] }>(path`v1/tenants/${tenant.id}/recommendations`);
  if (!list.data?.data?.length) return null;
  return (
    <Card title="Recommendations">
      <div className="rule topped">
        {list.data.data.map((r, i) => (
          <div className="pad" key={i}>
            <h3>{kinds[r.kind] ?? r.kind.replaceAll("_", " ")}</h3>
            <p className="ink2 any">{r.reason}</p>
            {r.plan && (
              <Link to="/plans" search={{ plan: r.plan }} className="link">
                {r.plan}
              </Link>
            )}
          </div>
        ))}
      </div>
    </Card>
  );
}
