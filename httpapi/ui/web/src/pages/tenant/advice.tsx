// What weir recommends for a tenant. Shown only where there is something to say.

import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { path } from "../../api/client";
import { useGet } from "../../api/hooks";
import type { Recommendation, Recommendations, Tenant } from "../../api/types";
import { groupedText } from "../../lib/number";
import { Card } from "../../ui/parts";

const kinds: Record<Recommendation["kind"], string> = {
  plan_up: "A bigger plan fits better",
  plan_down: "A smaller plan would do",
  cost_driver: "What drives the usage",
  burst_quota: "Peaks that a rate could pace",
  unused_feature: "Not used",
};

const shown = 3; // the most important come first

export function Advice({ tenant }: { tenant: Tenant }) {
  const [all, setAll] = useState(false);
  const list = useGet<Recommendations>(path`v1/tenants/${tenant.id}/recommendations`, { slow: true });
  if (!list.data?.data?.length) return null;
  return (
    <Card title="Recommendations">
      <div className="rule topped">
        {list.data.data.slice(0, all ? undefined : shown).map((r, i) => (
          <div className="pad" key={i}>
            <h3>{kinds[r.kind]}</h3>
            <p className="ink2 any">{groupedText(r.reason)}</p>
            <span className="row tight wrap">
              {r.plan && (
                <Link to="/plans" search={{ plan: r.plan }} className="link">
                  Plan {r.plan}
                </Link>
              )}
              {r.meter && r.kind !== "plan_up" && r.kind !== "plan_down" && (
                <Link to="." search={(old) => ({ ...old, meter: r.meter, quota: undefined, ...(r.dimension ? { by: r.dimension === "user" ? "user_id" : r.dimension } : {}) })} className="link">
                  {r.meter}
                </Link>
              )}
            </span>
          </div>
        ))}
        {list.data.data.length > shown && !all && (
          <div className="pad">
            <button type="button" className="btn small" onClick={() => setAll(true)}>
              All {list.data.data.length}
            </button>
          </div>
        )}
      </div>
    </Card>
  );
}
