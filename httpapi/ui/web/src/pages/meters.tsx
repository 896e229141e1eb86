// What is counted, and how: all meters, one of them in full, and the way to make another.

import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useChange } from "../api/change";
import { curl, path } from "../api/client";
import { useAll, useGet } from "../api/hooks";
import type { Meter, MeterStats, MeterTotal, OverviewBody } from "../api/types";
import { meterName } from "../api/usage";
import { Spark } from "../chart/spark";
import { amount, count, exact, plural, toNumber } from "../lib/number";
import { aggregationWords } from "../lib/words";
import { moment } from "../lib/time";
import { useParams1, useSetSearch, useView } from "../shell/view";
import { Confirm, Dialog } from "../ui/dialog";
import { Card, CopyButton, Empty, Loaded, Tag } from "../ui/parts";
import { dimensionName } from "./tenant/breakdown";
import { MeterForm } from "./meterform";
import { MeterTest } from "./metertest";

export function Meters() {
  const search = useParams1();
  const set = useSetSearch();
  const list = useAll<Meter>("v1/meters");
  const stats = useGet<{ data: MeterStats[]; since: string }>("v1/system/meters");
  const overview = useGet<OverviewBody>("v1/overview?range=30d&top=1&limit=1", { slow: true });
  const totalOf = (slug: string) => overview.data && (overview.data.meters.find((x) => x.meter === slug) ?? null);
  const of = (slug: string) => stats.data?.data.find((s) => s.meter === slug);
  const chosen = list.data?.find((m) => m.slug === search.meter);
  return (
    <>
      <div className="title">
        <div>
          <h1>Meters</h1>
          <div className="sub num">{list.data ? count(list.data.length, "meter") + " · each counts the events of its type, over all tenants" : " "}</div>
        </div>
        <div className="row tight wrap">
          <CopyButton small={false} text={() => curl("v1/meters")}>
            Copy as curl
          </CopyButton>
          <button type="button" className="btn pri" onClick={() => set({ new: "1" })}>
            New meter
          </button>
        </div>
      </div>
      <Card label="Meters">
        <Loaded query={list} height={300}>
          {(meters) =>
            meters.length === 0 ? (
              <Empty title="There is no meter">
                <p className="sub">Without a meter every event is refused.</p>
              </Empty>
            ) : (
              <div className="scroll">
                <table>
                  <thead>
                    <tr>
                      <th>Meter</th>
                      <th className="narrow-hide">Counts</th>
                      <th className="narrow-hide">Broken down by</th>
                      <th style={{ width: "22%" }}>By day</th>
                      <th className="r">In 30 days</th>
                      <th className="r narrow-hide">Tenants</th>
                      <th className="r narrow-hide">Late</th>
                      <th className="r narrow-hide">Duplicates</th>
                      <th className="r narrow-hide">Refused</th>
                    </tr>
                  </thead>
                  <tbody>
                    {meters.map((m) => (
                      <Row key={m.slug} meter={m} stats={of(m.slug)} total={totalOf(m.slug)} />
                    ))}
                  </tbody>
                </table>
              </div>
            )
          }
        </Loaded>
      </Card>
      {search.new && <MeterForm onClose={(made) => set({ new: undefined, meter: made })} />}
      {chosen && !search.new && <Detail meter={chosen} stats={of(chosen.slug)} since={stats.data?.since} onClose={() => set({ meter: undefined })} />}
    </>
  );
}

const or = (n: number | undefined) => (n === undefined ? "–" : n === 0 ? <span className="sub">0</span> : exact(n));

const basisWords: Record<MeterTotal["basis"], string> = { range: "", month: "this month", now: "now" };

function Row({ meter, stats, total }: { meter: Meter; stats?: MeterStats; total?: MeterTotal | null }) {
  const set = useSetSearch();
  return (
    <tr>
      <td>
        <button type="button" className="name textual" onClick={() => set({ meter: meter.slug }, false)}>
          {meterName(meter)}
        </button>
        <span className="sub mono">{meter.slug}</span>
      </td>
      <td className="narrow-hide">
        {aggregationWords[meter.aggregation] ?? meter.aggregation}
        {meter.unit && <span className="sub"> in {plural(meter.unit, 2)}</span>}
      </td>
      <td className="narrow-hide sub">{["user_id", ...(meter.dimensions ?? [])].filter((d, i, all) => all.indexOf(d) === i).map(dimensionName).join(", ")}</td>
      <td>{total && total.series.length > 1 && <Spark values={total.series.map(toNumber)} />}</td>
      <td className="r num" title={total ? exact(total.value) : undefined}>
        {total === undefined ? "…" : total === null || total.value === null ? <span className="sub">by tenant only</span> : amount(total.value, meter.unit)}
        {total && basisWords[total.basis] && <span className="sub"> {basisWords[total.basis]}</span>}
      </td>
      <td className="r num narrow-hide">{or(stats?.tenants)}</td>
      <td className="r num narrow-hide">{or(stats?.late)}</td>
      <td className="r num narrow-hide">{or(stats && stats.duplicates + stats.conflicts)}</td>
      <td className="r num narrow-hide">{or(stats && stats.rejected + stats.denied)}</td>
    </tr>
  );
}

function Detail({ meter, stats: s, since, onClose }: { meter: Meter; stats?: MeterStats; since?: string; onClose: () => void }) {
  const view = useView();
  const [testing, setTesting] = useState(false);
  const [archiving, setArchiving] = useState(false);
  const change = useChange();
  const archive = async () => {
    if (await change.run(path`v1/meters/${meter.slug}`, { method: "DELETE" }, ["v1/meters", "v1/audit"])) onClose();
  };
  return (
    <Dialog kind="side" title={meterName(meter)} onClose={onClose}>
      <div className="body">
        <dl className="facts">
          <dt>Slug</dt>
          <dd className="mono">{meter.slug}</dd>
          <dt>Event type</dt>
          <dd className="mono">{meter.event_type === "*" ? "every event" : meter.event_type}</dd>
          <dt>Counts</dt>
          <dd>{aggregationWords[meter.aggregation] ?? meter.aggregation}</dd>
          {meter.value_property && (
            <>
              <dt>Value from</dt>
              <dd className="mono">{meter.value_property}</dd>
            </>
          )}
          {meter.unique_property && (
            <>
              <dt>Distinct by</dt>
              <dd className="mono">{meter.unique_property}</dd>
            </>
          )}
          <dt>Decimals kept</dt>
          <dd className="num">{meter.scale ?? 0}</dd>
          <dt>Unit</dt>
          <dd>{meter.unit || "none"}</dd>
          <dt>Dimensions</dt>
          <dd>{meter.dimensions?.length ? meter.dimensions.map((d) => <Tag key={d}>{d}</Tag>) : "user only"}</dd>
        </dl>
        {s && since && (
          <section aria-label="What became of its events">
            <h3 style={{ marginBottom: 6 }}>Since {moment(since, view.zone)}</h3>
            <dl className="facts">
              <dt>Late</dt>
              <dd className="num">{exact(s.late)} counted, received more than 5 min after</dd>
              <dt>Duplicates</dt>
              <dd className="num">{exact(s.duplicates)} left out</dd>
              <dt>Conflicts</dt>
              <dd className="num">{exact(s.conflicts)} with another payload under a known id</dd>
              <dt>Rejected</dt>
              <dd className="num">{exact(s.rejected)}</dd>
              <dt>Denied</dt>
              <dd className="num">{exact(s.denied)} by a quota</dd>
              <dt>Tenants</dt>
              <dd className="num">{exact(s.tenants)} with usage</dd>
              <dt>Groups a day</dt>
              <dd className="num">
                {s.groups_day < s.groups_day_max && "no more than " + exact(s.groups_day) + " in a tenant; "}beyond {exact(s.groups_day_max)} the rest is <code>__other__</code>
              </dd>
            </dl>
          </section>
        )}
        {meter.filters != null && (
          <div>
            <h3>Filters</h3>
            <pre className="code" tabIndex={0}>
              {JSON.stringify(meter.filters, null, 2)}
            </pre>
          </div>
        )}
        <div className="row tight wrap">
          <button type="button" className="btn" aria-pressed={testing} onClick={() => setTesting(!testing)}>
            Test an event
          </button>
          <Link to="/" search={{ meter: meter.slug }} className="btn">
            Explore
          </Link>
          <CopyButton small={false} text={() => curl(path`v1/meters/${meter.slug}`)}>
            Copy as curl
          </CopyButton>
          <button type="button" className="btn danger" onClick={() => setArchiving(true)}>
            Archive
          </button>
        </div>
        {testing && <MeterTest meter={meter} />}
      </div>
      {archiving && (
        <Confirm title={"Archive " + meter.slug + "?"} action="Archive meter" busy={change.busy} error={change.error} onConfirm={() => void archive()} onClose={() => setArchiving(false)}>
          <p>It counts nothing more, and events of its type are refused when no other meter takes them. Its usage stays. A quota on it keeps it from being archived.</p>
        </Confirm>
      )}
    </Dialog>
  );
}
