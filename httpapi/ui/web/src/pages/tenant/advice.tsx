// What weir recommends for a tenant. Shown only where there is something to say.

import { path } from "../../api/client";
import { useGet } from "../../api/hooks";
import type { Tenant } from "../../api/types";
import { Card } from "../../ui/parts";

interface Recommendation {
  kind?: string;
  title?: string;
  detail?: string;
  [more: string]: unknown;
}

export function Advice({ tenant }: { tenant: Tenant; zone: string }) {
  const list = useGet<{ data: Recommendation[] }>(path`v1/tenants/${tenant.id}/recommendations`);
  if (!list.data?.data?.length) return null;
  return (
    <Card title="Recommendations">
      <div className="rule">
        {list.data.data.map((r, i) => (
          <div className="pad" key={i}>
            <b>{r.title ?? r.kind}</b>
            {r.detail && <p className="ink2">{r.detail}</p>}
          </div>
        ))}
      </div>
    </Card>
  );
}
