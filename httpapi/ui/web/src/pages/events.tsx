// The events themselves, newest first: filters, live tail, and for each why it counted or not.

import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { curl } from "../api/client";
import { useAll, useGet } from "../api/hooks";
import { eventKey, featuresOf, isLate, isVoided, type EventRow } from "../api/events";
import { idPath, listPath, picks, type EventFilter } from "../api/eventfilter";
import { useEventSearch, type Found } from "../api/eventsearch";
import { live } from "../api/live";
import type { Meter, System } from "../api/types";
import { count, exact } from "../lib/number";
import { iso, spanOf, type RangeName } from "../lib/range";
import { momentOf, momentSeconds } from "../lib/time";
import { useParams1, useSetSearch, useView } from "../shell/view";
import { csv, save } from "../ui/download";
import { Card, CopyButton, Empty, ErrorState, Loading, Stale, Tag } from "../ui/parts";
import { EventFilters, noFilters } from "./eventfilters";
import { EventPanel } from "./eventpanel";
import { FirstLine } from "./firstrun";

export function Events() {
  const view = useView({ range: "24h" });
  const search = useParams1();
  const set = useSetSearch();
  const meters = useAll<Meter>("v1/meters");
  const span = spanOf(view.range, view.now, view.zone);
  const filter: EventFilter = { tenant: search.tenant, feature: search.feature, meter: search.meter, user: search.user, id: search.id, source: search.id ? search.source : undefined };
  const to = listPath(filter, meters.data?.find((m) => m.slug === filter.meter), iso(span.from), iso(span.to));
  const found = useEventSearch(filter, to);
  const tail = useTail(found.rows);
  return (
    <>
      <div className="title">
        <div>
          <h1>Events</h1>
          <div className="sub">As they came, the newest first. {!tail.live ? "Updates are paused." : found.byId ? "" : picks(filter) ? "Looked for again twice a minute." : "New ones appear by themselves."}</div>
        </div>
        <CopyButton small={false} text={() => curl(found.byId ? idPath(filter)! : to)}>
          Copy as curl
        </CopyButton>
      </div>
      <Card label="Events">
        <div className="pad">
          <EventFilters filter={filter} meters={meters.data ?? []}>
            <button
              type="button"
              className="btn"
              disabled={!found.rows.length}
              onClick={() => save("events.csv", csv([["timestamp", "received_at", "tenant_id", "user_id", "source", "id", "kind", "status", "feature_type", "quantity", "metadata"], ...found.rows.map((e) => [e.timestamp, e.received_at, e.tenant_id, e.user_id, e.source, e.id, e.kind, e.status, featuresOf(e), e.items ? "" : (e.quantity ?? 1), e.metadata ? JSON.stringify(e.metadata) : ""])]))}
            >
              CSV
            </button>
          </EventFilters>
        </div>
        {found.known ? (
          <>
            {found.error && <Stale error={found.error} retry={found.retry} />}
            {found.rows.length > 0 ? <Rows rows={found.rows} fresh={tail.fresh} zone={view.zone} /> : !found.more && <NoEvents filter={filter} range={view.range} />}
            <Reach found={found} filter={filter} zone={view.zone} />
          </>
        ) : found.error ? (
          <ErrorState error={found.error} retry={found.retry} />
        ) : (
          <Loading height={400} />
        )}
      </Card>
      {search.event && <EventPanel key={search.event} name={search.event} zone={view.zone} onClose={() => set({ event: undefined })} />}
    </>
  );
}

// Reach says how far back was looked, and leads further.
function Reach({ found, filter, zone }: { found: Found; filter: EventFilter; zone: string }) {
  const picking = picks(filter);
  if (found.byId) return <p className="pad sub">Found by its id, whatever its time.</p>;
  if (!found.more && !picking) return null;
  const looked = picking || found.rows.length === 0;
  return (
    <div className="pad row tight wrap">
      {found.more && (
        <button type="button" className="btn" disabled={found.busy} onClick={found.more}>
          {looked ? "Look further back" : "Older events"}
        </button>
      )}
      {looked && (
        <span className="sub num" role="status">
          {exact(found.rows.length)} of {count(found.looked, "event")}
          {found.back && " back to " + momentSeconds(found.back, zone)}
          {found.busy ? ", still looking" : found.more ? "" : ", which is all of the range"}.
        </span>
      )}
    </div>
  );
}

function NoEvents({ filter, range }: { filter: EventFilter; range: RangeName }) {
  const set = useSetSearch();
  const system = useGet<System>("v1/system");
  const filtered = Object.values(filter).some(Boolean);
  if (system.data && Number(system.data.stats.events) === 0) {
    return (
      <Empty title="No events yet">
        <p className="sub">This line records one.</p>
        <FirstLine />
      </Empty>
    );
  }
  return (
    <Empty title={filtered ? "No such event in this range" : "No event in this range"}>
      {filter.id && !filter.tenant && <p className="sub">Name the tenant too, and the id is found whatever its time.</p>}
      {filter.id && filter.tenant && !filter.source && <p className="sub">Of all times, none has this id and no source. An event with a source is found when the source is named.</p>}
      <div className="row tight wrap">
        {filtered && (
          <button type="button" className="btn small" onClick={() => set(noFilters)}>
            Take the filters away
          </button>
        )}
        {range !== "30d" && (
          <button type="button" className="btn small" onClick={() => set({ range: "30d" })}>
            Look at 30 days
          </button>
        )}
      </div>
    </Empty>
  );
}

// useTail tells which rows came since the page was opened or the filter changed, for a moment each: the eye sees where the list grew.
function useTail(rows: EventRow[]): { live: boolean; fresh: ReadonlySet<string> } {
  const state = useSyncExternalStore(live.watch, live.state);
  const seen = useRef<ReadonlySet<string> | null>(null);
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  const newest = rows[0] ? eventKey(rows[0]) : "";
  useEffect(() => {
    const now = new Set(rows.map(eventKey));
    const added = seen.current && [...seen.current].some((k) => now.has(k)) ? [...now].filter((k) => !seen.current!.has(k)) : [];
    if (rows.length > 0) seen.current = now;
    if (added.length === 0 || added.length >= 100) return; // an older page, or another question
    setFresh(new Set(added));
    const t = setTimeout(() => setFresh(new Set()), 2_000);
    return () => clearTimeout(t);
    // The first row says whether the list has grown at its top.
  }, [newest]);
  return { live: state !== "paused", fresh };
}

function Rows({ rows, fresh, zone }: { rows: EventRow[]; fresh: ReadonlySet<string>; zone: string }) {
  const set = useSetSearch();
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th>Time</th>
            <th>Tenant</th>
            <th className="narrow-hide">Feature</th>
            <th className="r">Quantity</th>
            <th className="narrow-hide">User</th>
            <th className="narrow-hide">Id</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((e) => (
            <tr key={eventKey(e)} className={fresh.has(eventKey(e)) ? "fresh" : undefined}>
              <td className="num">
                <button type="button" className="textual" onClick={() => set({ event: eventKey(e) }, false)}>
                  <span className="narrow-hide">{momentSeconds(e.timestamp, zone)}</span>
                  <span className="narrow-only">{momentOf(e.timestamp, Date.now(), zone)}</span>
                </button>
              </td>
              <td>
                <span className="name" dir="auto">
                  {e.tenant_id}
                </span>
                <span className="sub narrow-only line cut" style={{ maxWidth: 150 }}>
                  {featuresOf(e)}
                  {isVoided(e) && " · voided"}
                </span>
              </td>
              <td className="narrow-hide">
                <span className="row tight">
                  <span className="cut">{featuresOf(e)}</span>
                  {isVoided(e) && <Tag tone="warn">voided</Tag>}
                  {isLate(e) && <Tag>late</Tag>}
                  {e.kind !== "event" && <Tag>{e.kind}</Tag>}
                </span>
              </td>
              <td className="r num">{e.items ? "–" : exact(e.quantity ?? 1)}</td>
              <td className="narrow-hide cut" style={{ maxWidth: 160 }}>
                {e.user_id}
              </td>
              <td className="narrow-hide cut mono sub" style={{ maxWidth: 220 }}>
                {e.id}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
