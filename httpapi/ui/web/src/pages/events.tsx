// The events themselves, newest first: filters, live tail, and for each why it counted or not.

import { useEffect, useState } from "react";
import { curl, withQuery } from "../api/client";
import { usePages } from "../api/hooks";
import { eventKey, isVoided, type EventRow } from "../api/events";
import { exact } from "../lib/number";
import { iso, spanOf } from "../lib/range";
import { momentSeconds } from "../lib/time";
import { useParams1, useSetSearch, useView } from "../shell/view";
import { csv, save } from "../ui/download";
import { Card, CopyButton, Empty, ErrorState, Loading, Stale, Tag } from "../ui/parts";
import { EventPanel } from "./eventpanel";

export function Events() {
  const view = useView({ range: "24h" });
  const search = useParams1();
  const set = useSetSearch();
  const span = spanOf(view.range, view.now, view.zone);
  const to = withQuery("v1/events", { tenant_id: search.tenant, feature_type: search.feature, from: iso(span.from), to: iso(span.to) });
  const list = usePages<EventRow>(to, 100);
  const chosen = list.rows.find((e) => eventKey(e) === search.event);
  return (
    <>
      <div className="title">
        <div>
          <h1>Events</h1>
          <div className="sub">As they were recorded, newest first.</div>
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
            onClick={() => save("events.csv", csv([["timestamp", "tenant_id", "user_id", "source", "id", "feature_type", "quantity", "metadata"], ...list.rows.map((e) => [e.timestamp, e.tenant_id, e.user_id, e.source, e.id, e.feature_type, e.quantity ?? 1, e.metadata ? JSON.stringify(e.metadata) : ""])]))}
          >
            CSV
          </button>
        </div>
        {list.data ? (
          <>
            {list.error && <Stale error={list.error} retry={() => void list.refetch()} />}
            {list.rows.length === 0 ? (
              <Empty title="No event in this range">
                <p className="sub">Widen the range, or take a filter away.</p>
              </Empty>
            ) : (
              <Rows rows={list.rows} zone={view.zone} />
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
      {search.event && chosen && <EventPanel event={chosen} zone={view.zone} onClose={() => set({ event: undefined })} />}
    </>
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

function Rows({ rows, zone }: { rows: EventRow[]; zone: string }) {
  const set = useSetSearch();
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th>Time</th>
            <th>Tenant</th>
            <th>Feature</th>
            <th className="r">Quantity</th>
            <th className="narrow-hide">User</th>
            <th className="narrow-hide">Id</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((e) => (
            <tr key={eventKey(e)}>
              <td className="num">
                <button type="button" className="textual" onClick={() => set({ event: eventKey(e) }, false)}>
                  {momentSeconds(e.timestamp, zone)}
                </button>
              </td>
              <td>
                <span className="name" dir="auto">
                  {e.tenant_id}
                </span>
              </td>
              <td>
                {e.feature_type} {isVoided(e) && <Tag tone="warn">voided</Tag>}
              </td>
              <td className="r num">{exact(e.quantity ?? 1)}</td>
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
