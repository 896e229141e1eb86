// One meter over the range, all tenants together. Meters have units of their own, so they are not stacked upon each other.

import { useState } from "react";
import { curl } from "../api/client";
import { useAll } from "../api/hooks";
import type { Meter, Usage } from "../api/types";
import { adds, meterName, usagePath, useUsage, type UsageQuery } from "../api/usage";
import { Series } from "../chart/series";
import { add, amount, change, exact, toNumber, withUnit, type Num } from "../lib/number";
import { before, spanOf } from "../lib/range";
import { moment } from "../lib/time";
import { useParams1, useSetSearch, useView } from "../shell/view";
import { Card, CopyButton, Empty, Loaded } from "../ui/parts";

export function useMeterChoice(): { meters: Meter[] | undefined; meter: Meter | undefined; choose: (slug: string) => void; query: ReturnType<typeof useAll<Meter>> } {
  const query = useAll<Meter>("v1/meters");
  const search = useParams1();
  const set = useSetSearch();
  const meters = query.data;
  const meter = meters?.find((m) => m.slug === search.meter) ?? meters?.find((m) => m.slug === "api_calls") ?? meters?.[0];
  return { meters, meter, query, choose: (slug) => set({ meter: slug }) };
}

export function MeterSelect({ meters, value, onChange }: { meters: Meter[]; value: string; onChange: (slug: string) => void }) {
  return (
    <label>
      <span className="hidden">Meter</span>
      <select className="input small" value={value} onChange={(e) => onChange(e.target.value)}>
        {meters.map((m) => (
          <option key={m.slug} value={m.slug}>
            {meterName(m)}
          </option>
        ))}
      </select>
    </label>
  );
}

const total = (u: Usage | undefined): Num => (u?.data ?? []).reduce<Num>((sum, r) => add(sum, r.value ?? 0), 0);

export function UsageByMeter() {
  const view = useView({ range: "3d" });
  const { meters, meter, query, choose } = useMeterChoice();
  const [table, setTable] = useState(false);
  const span = spanOf(view.range, view.now, view.zone);
  const q: UsageQuery | null = meter ? { meter: meter.slug, span, zone: view.zone } : null;
  const now = useUsage(q);
  const old = before(view.range, span, view.zone);
  const past = useUsage(q && view.compare ? { ...q, span: old } : null);
  const sums = meter && adds(meter.aggregation);
  return (
    <Card
      title="Usage by meter"
      side={
        <>
          {meters && meter && <MeterSelect meters={meters} value={meter.slug} onChange={choose} />}
          <button type="button" className="btn small" aria-pressed={table} onClick={() => setTable(!table)}>
            Table
          </button>
          {q && <CopyButton text={() => curl(usagePath(q))}>curl</CopyButton>}
        </>
      }
    >
      <Loaded<unknown> query={meter ? now : query} height={300}>
        {() => {
          const u = now.data;
          if (!u || !meter) return <Empty title="There is no meter yet" />;
          return (
            <div className="body">
              <p className="num row tight base" style={{ marginBottom: 6 }}>
                {sums && (
                  <>
                    <b style={{ fontSize: 18 }} title={withUnit(total(u), u.unit)}>
                      {amount(total(u), u.unit)}
                    </b>
                    <span className="sub">
                      {u.unit === "byte" ? "" : u.unit + (toNumber(total(u)) === 1 ? "" : "s")}
                    </span>
                  </>
                )}
                {sums && past.data && view.compare && <span className="sub">{change(toNumber(total(u)), toNumber(total(past.data)))} against the time before</span>}
              </p>
              {table ? <UsageTable usage={u} zone={view.zone} /> : <Series usage={u} before={view.compare ? past.data : undefined} from={span.from} to={span.to} now={view.now} zone={view.zone} name={meterName(meter)} />}
            </div>
          );
        }}
      </Loaded>
    </Card>
  );
}

export function UsageTable({ usage, zone }: { usage: Usage; zone: string }) {
  return (
    <div className="scroll" style={{ maxHeight: 300 }} tabIndex={0} role="region" aria-label={"Usage of " + usage.meter + " as a table"}>
      <table>
        <thead>
          <tr>
            <th>From</th>
            <th className="r">{usage.unit || "Value"}</th>
            <th>State</th>
          </tr>
        </thead>
        <tbody>
          {usage.data.map((r) => (
            <tr key={r.window_start}>
              <td className="num">{moment(r.window_start, zone)}</td>
              <td className="r num">{exact(r.value)}</td>
              <td className="sub">{r.partial ? "not over yet" : ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
