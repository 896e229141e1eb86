// The strip of figures on top of the overview, each against the range before.

import type { OverviewBody } from "../api/types";
import { Spark } from "../chart/spark";
import { change, exact, toNumber } from "../lib/number";

export function Kpi({ label, value, title, delta, tone = "flat", values }: { label: string; value: string; title?: string; delta?: string; tone?: string; values?: number[] }) {
  return (
    <div className="kpi">
      <div className="sub">{label}</div>
      <div className="row tight base">
        <div className="v num" title={title}>
          {value}
        </div>
        {delta && <div className={"d num " + tone}>{delta}</div>}
      </div>
      {values && <Spark values={values} />}
    </div>
  );
}

export function Kpis({ overview: o }: { overview: OverviewBody }) {
  const { items } = o;
  const perSecond = toNumber(items.per_second);
  const compared = items.previous.counted > 0;
  const rate = (c: { counted: number; denied: number }) => (c.counted + c.denied > 0 ? (100 * c.denied) / (c.counted + c.denied) : 0);
  const [now, before] = [rate(items), rate(items.previous)];
  const points = now - before;
  return (
    <div className="kpis">
      <Kpi
        label="Events per second"
        value={perSecond >= 10 ? exact(Math.round(perSecond)) : perSecond.toFixed(2).replace(/\.?0+$/, "")}
        title={exact(items.counted) + " counted"}
        delta={compared ? change(items.counted, items.previous.counted) : undefined}
        values={items.series}
      />
      <Kpi label="Active tenants" value={exact(o.active_tenants)} delta={"of " + exact(o.tenants)} />
      <Kpi
        label="Denied"
        value={now === 0 ? "0 %" : now < 0.01 ? "< 0.01 %" : now.toFixed(2) + " %"}
        title={exact(items.denied) + " denied"}
        delta={compared && Math.abs(points) >= 0.01 ? (points > 0 ? "+" : "−") + Math.abs(points).toFixed(2) + " pt" : exact(items.denied) + " of " + exact(items.counted + items.denied)}
        tone={compared && points >= 0.01 ? "over" : compared && points <= -0.01 ? "better" : "flat"}
      />
      <Kpi label="Near or over limit" value={exact(o.attention_total)} delta={o.attention.filter((a) => a.why === "over").length > 0 ? exact(o.attention.filter((a) => a.why === "over").length) + " over" : undefined} tone="over" />
    </div>
  );
}
