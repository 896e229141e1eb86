// The strip of figures on top of the overview, each against the range before.

import { useRef } from "react";
import { useGet } from "../api/hooks";
import type { OverviewBody, System } from "../api/types";
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
      {values && values.filter((v) => v > 0).length > 2 && <Spark values={values} />}
    </div>
  );
}

const watched = 12_000;

// useRate is the events a second of the last moments, from two looks at the counters; null while there was only one.
function useRate(): number | null {
  const system = useGet<System>("v1/system");
  const looks = useRef<{ at: number; counted: number }[]>([]);
  const [at, counted] = [system.dataUpdatedAt, system.data ? Number(system.data.stats.counted) : null];
  const newest = looks.current[looks.current.length - 1];
  if (counted !== null && at > (newest?.at ?? 0)) {
    if (newest && counted < newest.counted) looks.current = []; // another process
    looks.current = [...looks.current.filter((x) => at - x.at <= watched), { at, counted }];
  }
  const [first, last] = [looks.current[0], looks.current[looks.current.length - 1]];
  return first && last && last.at - first.at >= 2_000 ? ((last.counted - first.counted) * 1000) / (last.at - first.at) : null;
}

const rateText = (v: number) => (v >= 10 ? exact(Math.round(v)) : v.toFixed(v >= 1 ? 1 : 2).replace(/\.?0+$/, ""));

export function Kpis({ overview: o }: { overview: OverviewBody }) {
  const { items } = o;
  const perSecond = toNumber(items.per_second);
  const live = useRate();
  const over = o.attention.filter((a) => a.why === "over").length;
  const compared = items.previous.counted > 0;
  const rate = (c: { counted: number; denied: number }) => (c.counted + c.denied > 0 ? (100 * c.denied) / (c.counted + c.denied) : 0);
  const [now, before] = [rate(items), rate(items.previous)];
  const points = now - before;
  return (
    <div className="kpis">
      <Kpi
        label="Events per second"
        value={rateText(perSecond)}
        title={exact(items.counted) + " counted, averaged over the range"}
        delta={compared ? change(items.counted, items.previous.counted) : live !== null ? rateText(live) + " now" : undefined}
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
      <Kpi label="Near or over limit" value={exact(o.attention_total)} delta={over > 0 ? exact(over) + " over" : o.attention_total === 0 ? "all within" : undefined} tone={over > 0 ? "over" : "flat"} />
    </div>
  );
}
