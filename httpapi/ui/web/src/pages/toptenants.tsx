// Who used most of the chosen meter in its open month.

import { Link } from "@tanstack/react-router";
import { withQuery } from "../api/client";
import { useGet } from "../api/hooks";
import { meterName, useQuotas } from "../api/usage";
import { amount, exact, percent, toNumber, type Num } from "../lib/number";
import { gaugeLabel, isNear, quotaWords } from "../lib/quota";
import { spanOf, iso } from "../lib/range";
import { month } from "../lib/time";
import { useView } from "../shell/view";
import { csv, save } from "../ui/download";
import { Gauge } from "../ui/gauge";
import { Card, Empty, Loaded, Tag } from "../ui/parts";
import { useMeterChoice } from "./usagebymeter";
import type { Tenant } from "../api/types";
import { path } from "../api/client";

interface TopRow {
  key: string | null;
  value: Num | null;
}

export interface Top {
  data: TopRow[];
}

export function TopTenants() {
  const view = useView();
  const { meter } = useMeterChoice();
  const span = spanOf("period", view.now, view.zone);
  const top = useGet<Top>(meter ? withQuery("v1/usage/top", { meter: meter.slug, by: "tenant", from: iso(span.from), to: iso(span.to), limit: 10 }) : null);
  return (
    <div style={{ marginTop: 16 }}>
      <Card
        title={meter ? "Top tenants by " + meterName(meter) : "Top tenants"}
        side={
          <>
            <span className="sub">{month(span.from, view.zone)}</span>
            <button type="button" className="btn small" disabled={!top.data} onClick={() => save("top-tenants.csv", csv([["tenant_id", meter?.slug ?? "value"], ...(top.data?.data ?? []).map((r) => [r.key, r.value] as [string | null, Num | null])]))}>
              CSV
            </button>
          </>
        }
      >
        <Loaded query={top} height={200}>
          {(t) =>
            t.data.length === 0 ? (
              <Empty title="Nothing was used yet this month" />
            ) : (
              <div className="scroll">
                <table>
                  <thead>
                    <tr>
                      <th>Tenant</th>
                      <th className="narrow-hide">Plan</th>
                      <th style={{ width: "32%" }}>Used of limit</th>
                      <th className="r">Used</th>
                      <th className="r">Of limit</th>
                    </tr>
                  </thead>
                  <tbody>
                    {t.data.map((r) => (
                      <TopTenantRow key={r.key} id={r.key ?? ""} value={r.value} meter={meter!.slug} unit={meter!.unit} />
                    ))}
                  </tbody>
                </table>
              </div>
            )
          }
        </Loaded>
      </Card>
    </div>
  );
}

function TopTenantRow({ id, value, meter, unit }: { id: string; value: Num | null; meter: string; unit?: string }) {
  const view = useView();
  const tenant = useGet<Tenant>(path`v1/tenants/${id}`);
  const quotas = useQuotas(id);
  const q = quotas.data?.data.find((x) => x.meter === meter && x.scope === "tenant" && x.period !== "rate");
  const words = q && quotaWords(q, view.zone, view.now, unit);
  return (
    <tr>
      <td>
        <Link to="/tenants/$id" params={{ id }} className="name">
          {tenant.data?.name ?? id}
        </Link>
      </td>
      <td className="narrow-hide">{tenant.data?.plan && <Tag>{tenant.data.plan}</Tag>}</td>
      <td>{q && words && <Gauge used={q.used} limit={q.limit} reserved={q.reserved} near={isNear(q)} height={7} label={gaugeLabel(q, words, unit)} />}</td>
      <td className="r num" title={exact(value)}>
        {amount(value, unit)}
      </td>
      <td className={"r num " + (q?.exceeded ? "over" : "flat")}>{q?.limit != null ? percent(toNumber(q.used), toNumber(q.limit)) : "no limit"}</td>
    </tr>
  );
}
