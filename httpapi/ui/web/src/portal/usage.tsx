// The chart of the chosen quota's meter, its table, its CSV, and who used it.

import { useState, type ReactNode } from "react";
import type { QuotaStatus, Summary } from "../api/types";
import { adds, usagePath, useForecast, useUsage, type UsageQuery } from "../api/usage";
import { Cumulative } from "../chart/cumulative";
import { ahead, beforeOf, running, shifted, windowOf } from "../chart/period";
import { Series } from "../chart/series";
import { capital, exact, percent, plural, toNumber } from "../lib/number";
import type { Span } from "../lib/range";
import { month, span as spanText } from "../lib/time";
import { CsvButton } from "../ui/csvbutton";
import { Card, Empty, Loaded } from "../ui/parts";
import { UsageTable } from "../ui/usagetable";

const shown = 8;

export function PortalUsage({ summary: s, quota: q, last, children }: { summary: Summary; quota?: QuotaStatus; last: boolean; children?: ReactNode }) {
  const [table, setTable] = useState(false);
  const m = q ? s.meters.find((x) => x.meter === q.meter) : s.meters[0];
  const zone = s.time_zone;
  const [open, before] = spans(s, q);
  const span = last ? before : open;
  const query: UsageQuery | null = m ? { meter: m.meter, tenant: s.tenant.id, span, zone } : null;
  const now = useUsage(query);
  const past = useUsage(query && !last ? { ...query, span: before } : null);
  const users = useUsage(query ? { ...query, window: "total", groupBy: "user_id" } : null);
  const sums = m && adds(m.aggregation);
  const forecast = useForecast(s.tenant.id, sums && !last ? m.meter : null);
  if (!m) {
    return (
      <>
        {q && (
          <Card label="Usage">
            <Empty title="Nothing of it was used yet" />
          </Card>
        )}
        {children}
      </>
    );
  }
  const top = [...(users.data?.data ?? [])].sort((a, b) => toNumber(b.value) - toNumber(a.value));
  const total = top.reduce((n, r) => n + toNumber(r.value), 0);
  return (
    <>
      <Card
        title={m.name + ", " + spanText(span.from, span.to, zone)}
        side={
          <>
            <button type="button" className="btn small" aria-pressed={table} onClick={() => setTable(!table)}>
              Table
            </button>
            <CsvButton to={usagePath({ ...query!, format: "csv" })} name={m.meter} />
          </>
        }
      >
        <Loaded query={now} height={290} plane>
          {(u) => (
            <div className="body">
              {table ? (
                <UsageTable usage={u} zone={zone} />
              ) : sums ? (
                <Cumulative
                  from={span.from}
                  to={span.to}
                  zone={zone}
                  unit={m.unit}
                  name={m.name}
                  {...running(u, span, Date.now())}
                  before={past.data?.data.some((r) => toNumber(r.value) > 0) ? { name: q?.period === "month" ? month(before.from, zone) : "period before", points: shifted(past.data, before, span) } : undefined}
                  limit={!last && q?.limit != null ? toNumber(q.limit) : null}
                  forecast={last ? null : ahead(forecast.data, span)}
                />
              ) : (
                <Series usage={u} from={span.from} to={span.to} now={Date.now()} zone={zone} name={m.name} limit={!last && q?.limit != null ? toNumber(q.limit) : null} />
              )}
            </div>
          )}
        </Loaded>
      </Card>
      {children}
      {sums && users.data && (
        <Card title="By user">
          {top.length === 0 ? (
            <Empty title="Nothing was used in this period" />
          ) : (
            <div className="scroll">
              <table>
                <thead>
                  <tr>
                    <th>User</th>
                    <th className="r">{capital(m.unit ? plural(m.unit, 2) : "value")}</th>
                    <th style={{ width: "40%" }}>Share</th>
                  </tr>
                </thead>
                <tbody>
                  {top.slice(0, shown).map((r) => (
                    <tr key={r.group.user_id ?? ""}>
                      <td>
                        <span className="name">
                          <bdi>{r.group.user_id ?? "none"}</bdi>
                        </span>
                      </td>
                      <td className="r num">{exact(r.value)}</td>
                      <td>
                        <span className="share">
                          <i>
                            <i style={{ width: total > 0 ? (100 * toNumber(r.value)) / total + "%" : 0 }} />
                          </i>
                          <span className="num sub" style={{ textAlign: "right" }}>
                            {percent(toNumber(r.value), total)}
                          </span>
                        </span>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </Card>
      )}
    </>
  );
}

// spans are the open period of the quota and the one before it; without a quota that ends, the billing periods.
function spans(s: Summary, q: QuotaStatus | undefined): [Span, Span] {
  const ends = q?.period_start && q.reset_at && !/^(rate|sliding|lifetime|first_use)/.test(q.period) && q.period !== "billing";
  if (!ends) {
    const [a, b] = [s.period, s.previous_period].map((p) => ({ from: Date.parse(p.start), to: Date.parse(p.end), window: "day" as const }));
    return [a!, b!];
  }
  const [from, to] = [Date.parse(q.period_start!), Date.parse(q.reset_at!)];
  const window = windowOf(to - from);
  return [
    { from, to, window },
    { from: beforeOf(q.period, from, to, s.time_zone), to: from, window },
  ];
}
