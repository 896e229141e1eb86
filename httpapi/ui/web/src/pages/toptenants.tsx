// Who used most of the chosen meter in the open month.

import { Link } from "@tanstack/react-router";
import { explainName } from "../api/explanation";
import type { OverviewBody, TopTenant } from "../api/types";
import { amount, exact, percent, toNumber } from "../lib/number";
import { gaugeLabel, isNear, quotaWords } from "../lib/quota";
import { month, span, startOfMonth } from "../lib/time";
import { useView } from "../shell/view";
import { csv, save } from "../ui/download";
import { Gauge } from "../ui/gauge";
import { Card, Empty, Tag } from "../ui/parts";

export function TopTenants({ overview: o }: { overview: OverviewBody }) {
  const { meter, data } = o.top_tenants;
  const m = o.meters.find((x) => x.meter === meter);
  const limited = data.some((r) => r.quota?.limit != null);
  return (
    <div style={{ marginTop: 16 }}>
      <Card
        title={"Top tenants by " + (m?.name ?? meter)}
        side={
          <>
            <button type="button" className="btn small" disabled={!data.length} onClick={() => save("top-tenants.csv", csv([["tenant_id", "name", "plan", meter], ...data.map((r) => [r.tenant_id, r.name, r.plan, r.value])]))}>
              CSV
            </button>
          </>
        }
      >
        {data.length === 0 ? (
          <Empty title="Nothing was used yet this month" />
        ) : (
          <div className="scroll">
            <table>
              <thead>
                <tr>
                  <th>Tenant</th>
                  <th className="narrow-hide">Plan</th>
                  {limited && <th style={{ width: "34%" }}>Used of limit</th>}
                  <th className="r">{m?.basis === "now" ? "Now" : "In " + month(o.now, "UTC")}</th>
                  {limited && <th className="r narrow-hide">Of limit</th>}
                </tr>
              </thead>
              <tbody>
                {data.map((r) => (
                  <Row key={r.tenant_id} top={r} meter={meter} unit={m?.unit} limited={limited} from={startOfMonth(Date.parse(o.now), "UTC")} to={startOfMonth(Date.parse(o.now), "UTC", 1)} explainable={m?.basis === "range"} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Card>
    </div>
  );
}

function Row({ top, meter, unit, limited, from, to, explainable }: { top: TopTenant; meter: string; unit?: string; limited: boolean; from: number; to: number; explainable: boolean }) {
  const view = useView();
  const q = top.quota;
  const words = q && quotaWords(q, view.zone, view.now, unit);
  return (
    <tr>
      <td>
        <Link to="/tenants/$id" params={{ id: top.tenant_id }} className="name">
          <bdi>{top.name || top.tenant_id}</bdi>
        </Link>
      </td>
      <td className="narrow-hide">{top.plan && <Tag>{top.plan}</Tag>}</td>
      {limited && <td>{q && words && <Gauge used={q.used} limit={q.limit} reserved={q.reserved} near={isNear(q)} height={7} label={gaugeLabel(q, words, unit)} />}</td>}
      <td className="r num" title={exact(top.value)}>
        {explainable ? (
          <Link to="/tenants/$id" params={{ id: top.tenant_id }} search={{ explain: explainName({ meter, from, to }) }} title={exact(top.value) + ": explain this number"}>
            {amount(top.value, unit)}
          </Link>
        ) : (
          amount(top.value, unit)
        )}
      </td>
      {limited && (
        <td className={"r num narrow-hide " + (q?.exceeded ? "over" : "flat")} title={q?.limit != null ? amount(q.used, unit) + " of " + amount(q.limit, unit) + (q.period_start && q.reset_at ? ", " + span(q.period_start, q.reset_at, view.zone) : "") : undefined}>{q?.limit != null ? percent(toNumber(q.used), toNumber(q.limit)) : "no limit"}
        </td>
      )}
    </tr>
  );
}
