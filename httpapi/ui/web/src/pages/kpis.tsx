// The strip of figures on top of the overview.

import { useEffect, useState } from "react";
import type { UseQueryResult } from "@tanstack/react-query";
import { withQuery, type ApiError } from "../api/client";
import { useGet } from "../api/hooks";
import type { List, System, Tenant } from "../api/types";
import { Spark } from "../chart/spark";
import { exact } from "../lib/number";
import { ErrorState } from "../ui/parts";

export function Kpi({ label, value, delta, tone = "flat", values }: { label: string; value: string; delta?: string; tone?: string; values?: number[] }) {
  return (
    <div className="kpi">
      <div className="sub">{label}</div>
      <div className="row tight base">
        <div className="v num cut">{value}</div>
        {delta && <div className={"d num " + tone}>{delta}</div>}
      </div>
      {values ? <Spark values={values} /> : null}
    </div>
  );
}

const samplesMax = 60;

// useRate turns the running counter of the engine into events per second, from one answer to the next.
function useRate(counted: number | undefined, at: number): number[] {
  const [samples, setSamples] = useState<{ at: number; n: number }[]>([]);
  useEffect(() => {
    if (counted === undefined) return;
    setSamples((old) => (old.length > 0 && at - old[old.length - 1]!.at < 900 ? old : [...old.slice(-samplesMax), { at, n: counted }]));
  }, [counted, at]);
  return samples.slice(1).map((s, i) => (1000 * (s.n - samples[i]!.n)) / (s.at - samples[i]!.at));
}

export function Kpis({ system }: { system: UseQueryResult<System, ApiError> }) {
  const near = useGet<List<Tenant>>(withQuery("v1/tenants", { near_limit: "true", limit: 1000 }));
  const stats = system.data?.stats;
  const rates = useRate(stats && Number(stats.counted), system.dataUpdatedAt);
  const rate = rates.length ? rates[rates.length - 1]! : undefined;
  if (system.error && !stats)
    return (
      <div className="card">
        <ErrorState error={system.error} retry={() => void system.refetch()} />
      </div>
    );
  return (
    <div className="kpis">
      <Kpi label="Events per second" value={rate === undefined ? "…" : rate >= 10 ? exact(Math.round(rate)) : rate.toFixed(1)} values={rates} />
      <Kpi label="Events counted" value={stats ? exact(stats.counted) : "…"} delta={stats && Number(stats.duplicates) > 0 ? exact(stats.duplicates) + " duplicates left out" : undefined} />
      <Kpi label="Tenants" value={stats ? exact(stats.tenants) : "…"} />
      <Kpi label="Near or over limit" value={near.data ? exact(near.data.data.length) + (near.data.next_cursor ? "+" : "") : "…"} />
    </div>
  );
}
