// What is counted, and how: all meters, one of them in full, and the way to make another.

import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useChange } from "../api/change";
import { curl, path } from "../api/client";
import { useAll } from "../api/hooks";
import type { Meter } from "../api/types";
import { adds, meterName, useUsage } from "../api/usage";
import { Spark } from "../chart/spark";
import { add, amount, exact, toNumber, type Num } from "../lib/number";
import { aggregationWords } from "../lib/words";
import { spanOf } from "../lib/range";
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
  const chosen = list.data?.find((m) => m.slug === search.meter);
  return (
    <>
      <div className="title">
        <div>
          <h1>Meters</h1>
          <div className="sub num">{list.data ? exact(list.data.length) + " meters · a meter counts every event of its type" : " "}</div>
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
                      <th style={{ width: "22%" }}>Last 30 days</th>
                      <th className="r">Total</th>
                    </tr>
                  </thead>
                  <tbody>
                    {meters.map((m) => (
                      <Row key={m.slug} meter={m} />
                    ))}
                  </tbody>
                </table>
              </div>
            )
          }
        </Loaded>
      </Card>
      {search.new && <MeterForm onClose={(made) => set({ new: undefined, meter: made })} />}
      {chosen && !search.new && <Detail meter={chosen} onClose={() => set({ meter: undefined })} />}
    </>
  );
}

function useMonth(meter: Meter) {
  const view = useView();
  const usage = useUsage({ meter: meter.slug, span: spanOf("30d", view.now, view.zone), zone: view.zone });
  const total = (usage.data?.data ?? []).reduce<Num>((sum, r) => add(sum, r.value ?? 0), 0);
  return { usage, total };
}

function Row({ meter }: { meter: Meter }) {
  const set = useSetSearch();
  const { usage, total } = useMonth(meter);
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
        {meter.unit && <span className="sub"> in {meter.unit}s</span>}
      </td>
      <td className="narrow-hide sub">{["user_id", ...(meter.dimensions ?? [])].filter((d, i, all) => all.indexOf(d) === i).map(dimensionName).join(", ")}</td>
      <td>{usage.data && <Spark values={usage.data.data.map((r) => toNumber(r.value))} />}</td>
      <td className="r num" title={adds(meter.aggregation) ? exact(total) : undefined}>
        {!usage.data ? (usage.error ? "–" : "…") : adds(meter.aggregation) ? amount(total, meter.unit) : <span className="sub">does not add up</span>}
      </td>
    </tr>
  );
}

function Detail({ meter, onClose }: { meter: Meter; onClose: () => void }) {
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
