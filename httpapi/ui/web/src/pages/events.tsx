// The events themselves, newest first: filters, live tail, and for each why it counted or not.

import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { curl, withQuery } from "../api/client";
import { useGet, usePages } from "../api/hooks";
import { eventKey, featuresOf, isLate, isVoided, type EventRow } from "../api/events";
import { live } from "../api/live";
import type { System } from "../api/types";
import { exact } from "../lib/number";
import { iso, spanOf, type RangeName } from "../lib/range";
import { momentOf, momentSeconds } from "../lib/time";
import { useParams1, useSetSearch, useView } from "../shell/view";
import { csv, save } from "../ui/download";
import { Card, CopyButton, Empty, ErrorState, Loading, Stale, Tag } from "../ui/parts";
import { EventPanel } from "./eventpanel";
import { FirstLine } from "./firstrun";

export function Events() {
  const view = useView({ range: "24h" });
  const search = useParams1();
  const set = useSetSearch();
  const span = spanOf(view.range, view.now, view.zone);
  const to = withQuery("v1/events", { tenant_id: search.tenant, feature_type: search.feature, from: iso(span.from), to: iso(span.to) });
  const list = usePages<EventRow>(to, 100);
  const tail = useTail(list.rows);
  return (
    <>
      <div className="title">
        <div>
          <h1>Events</h1>
          <div className="sub">As they came, the newest first. {tail.live ? "New ones appear by themselves." : "Updates are paused."}</div>
        </div>
        <CopyButton small={false} text={() => curl(to)}>
          Copy as curl
        </CopyButton>
      </div>
      <Card label="Events">
        <div className="pad row tight wrap">
          <Filter label="Tenant" value={search.tenant} onChange={(v) => set({ tenant: v })} />
          <Filter label="Feature" value={search.feature} onChange={(v) => set({ feature: v })} />
          <button
            type="button"
            className="btn"
            disabled={!list.rows.length}
            onClick={() => save("events.csv", csv([["timestamp", "received_at", "tenant_id", "user_id", "source", "id", "kind", "status", "feature_type", "quantity", "metadata"], ...list.rows.map((e) => [e.timestamp, e.received_at, e.tenant_id, e.user_id, e.source, e.id, e.kind, e.status, featuresOf(e), e.items ? "" : (e.quantity ?? 1), e.metadata ? JSON.stringify(e.metadata) : ""])]))}
          >
            CSV
          </button>
        </div>
        {list.data ? (
          <>
            {list.error && <Stale error={list.error} retry={() => void list.refetch()} />}
            {list.rows.length === 0 ? (
              <NoEvents filtered={!!(search.tenant || search.feature)} range={view.range} />
            ) : (
              <Rows rows={list.rows} fresh={tail.fresh} zone={view.zone} />
            )}
            {list.hasNextPage && (
              <div className="pad">
                <button type="button" className="btn" disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                  Older events
                </button>
              </div>
            )}
          </>
        ) : list.error ? (
          <ErrorState error={list.error} retry={() => void list.refetch()} />
        ) : (
          <Loading height={400} />
        )}
      </Card>
      {search.event && <EventPanel key={search.event} name={search.event} zone={view.zone} onClose={() => set({ event: undefined })} />}
    </>
  );
}

function NoEvents({ filtered, range }: { filtered: boolean; range: RangeName }) {
  const set = useSetSearch();
  const system = useGet<System>("v1/system");
  if (system.data && Number(system.data.stats.events) === 0) {
    return (
      <Empty title="No events yet">
        <p className="sub">This line records one.</p>
        <FirstLine />
      </Empty>
    );
  }
  return (
    <Empty title="No event in this range">
      <div className="row tight wrap">
        {filtered && (
          <button type="button" className="btn small" onClick={() => set({ tenant: undefined, feature: undefined })}>
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

// Filter is a field whose text goes into the address when the person pauses.
function Filter({ label, value, onChange }: { label: string; value?: string; onChange: (v: string | undefined) => void }) {
  const [text, setText] = useState(value ?? "");
  useEffect(() => setText(value ?? ""), [value]);
  useEffect(() => {
    if (text === (value ?? "")) return;
    const t = setTimeout(() => onChange(text.trim() || undefined), 300);
    return () => clearTimeout(t);
  });
  return <input className="input" style={{ flex: "1 1 140px", width: "auto" }} type="search" aria-label={label} placeholder={label} value={text} onChange={(e) => setText(e.target.value)} />;
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
