// One event: as it was sent, what became of it, and the way to take it back.

import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useChange } from "../api/change";
import { curl, path, withQuery } from "../api/client";
import { isVoided, type EventRow } from "../api/events";
import { useGet } from "../api/hooks";
import { exact } from "../lib/number";
import { momentSeconds } from "../lib/time";
import { Confirm, Dialog, Field } from "../ui/dialog";
import { CopyButton, Loaded, Tag } from "../ui/parts";

export function EventPanel({ event, zone, onClose }: { event: EventRow; zone: string; onClose: () => void }) {
  const to = withQuery(path`v1/events/${event.id}`, { tenant_id: event.tenant_id, source: event.source });
  const full = useGet<EventRow>(to, { fresh: true });
  const [voiding, setVoiding] = useState(false);
  return (
    <Dialog kind="side" title={event.feature_type} onClose={onClose}>
      <div className="body">
        <dl className="facts">
          <dt>Tenant</dt>
          <dd>
            <Link to="/tenants/$id" params={{ id: event.tenant_id }} className="link">
              {event.tenant_id}
            </Link>
          </dd>
          {event.user_id && (
            <>
              <dt>User</dt>
              <dd>{event.user_id}</dd>
            </>
          )}
          <dt>Happened</dt>
          <dd className="num">{momentSeconds(event.timestamp, zone)}</dd>
          <dt>Quantity</dt>
          <dd className="num">{exact(event.quantity ?? 1)}</dd>
        </dl>
        <Loaded query={full} height={160}>
          {(e) => (
            <>
              <div className="row tight wrap" role="status">
                {isVoided(e) ? <Tag tone="warn">voided: taken out of all totals</Tag> : <Counted event={e} />}
              </div>
              <pre className="code" tabIndex={0} aria-label="The event as JSON">
                {JSON.stringify(e, null, 2)}
              </pre>
              <div className="row tight wrap">
                <CopyButton small={false} text={() => JSON.stringify(e, null, 2)}>
                  Copy JSON
                </CopyButton>
                <CopyButton small={false} text={() => curl(to)}>
                  Copy as curl
                </CopyButton>
                {!isVoided(e) && (
                  <button type="button" className="btn danger" onClick={() => setVoiding(true)}>
                    Void
                  </button>
                )}
              </div>
            </>
          )}
        </Loaded>
      </div>
      {voiding && <VoidForm event={event} onClose={() => setVoiding(false)} />}
    </Dialog>
  );
}

// Counted says where the event counts, or that it counts nowhere.
function Counted({ event }: { event: EventRow }) {
  const meters = event.meters as (string | { meter: string })[] | undefined;
  if (!meters) return <Tag tone="ok">counted</Tag>;
  if (meters.length === 0) return <Tag>kept, and counted in no meter: their filters exclude it</Tag>;
  return (
    <>
      <span className="sub">counted in</span>
      {meters.map((m) => {
        const name = typeof m === "string" ? m : m.meter;
        return (
          <Tag key={name} tone="ok">
            {name}
          </Tag>
        );
      })}
    </>
  );
}

function VoidForm({ event, onClose }: { event: EventRow; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const change = useChange();
  const confirm = async () => {
    const body = { tenant_id: event.tenant_id, ...(event.source ? { source: event.source } : {}), reason };
    if (await change.run(path`v1/events/${event.id}/void`, { method: "POST", body }, ["v1/"])) onClose();
  };
  return (
    <Confirm title="Void this event?" action="Void event" busy={change.busy || reason.trim() === ""} error={change.error} onConfirm={() => void confirm()} onClose={onClose}>
      <p>It is taken out of every total of its period. The event and its id stay in the log, so sending it again counts nothing. This cannot be undone.</p>
      <Field label="Reason" hint="Kept in the audit log" error={change.error?.field("/reason")}>
        <input className="input" required value={reason} onChange={(e) => setReason(e.target.value)} />
      </Field>
    </Confirm>
  );
}
