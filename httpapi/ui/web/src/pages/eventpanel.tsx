// One event: as it was sent, what became of it and why, and the way to take it back.

import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useChange } from "../api/change";
import { curl, path, withQuery } from "../api/client";
import { featuresOf, isLate, isVoided, type EventRow } from "../api/events";
import { explainName } from "../api/explanation";
import { useText } from "../api/hooks";
import { parse, parseExact, stringify } from "../api/json";
import { exact } from "../lib/number";
import { moment, momentSeconds } from "../lib/time";
import { Confirm, Dialog, Field } from "../ui/dialog";
import { CopyButton, Loaded, Tag } from "../ui/parts";
import { WhyCounted } from "./whycounted";

// name is the event's key (api/events.ts): tenant, source and id.
export function EventPanel({ name, zone, onClose }: { name: string; zone: string; onClose: () => void }) {
  const [tenant = "", source = "", ...rest] = name.split("\n");
  const id = rest.join("\n");
  const to = withQuery(path`v1/events/${id}`, { tenant_id: tenant, source });
  const full = useText(to);
  const [voiding, setVoiding] = useState(false);
  const e = useMemo(() => (full.data === undefined ? undefined : (parse(full.data) as EventRow)), [full.data]);
  const text = useMemo(() => (full.data === undefined ? "" : stringify(parseExact(full.data), 2)), [full.data]);
  return (
    <Dialog kind="side" title={e ? featuresOf(e) : "Event"} onClose={onClose}>
      <div className="body">
        <Loaded query={full} height={300}>
          {() => e && (
            <>
              <Facts event={e} zone={zone} />
              <WhyCounted event={e} zone={zone} />
              <pre className="code" tabIndex={0} aria-label="The event as JSON">
                {text}
              </pre>
              <div className="row tight wrap">
                <CopyButton small={false} text={() => text}>
                  Copy JSON
                </CopyButton>
                <CopyButton small={false} text={() => curl(to)}>
                  Copy as curl
                </CopyButton>
                {e.kind !== "event" && (
                  <Link to="/tenants/$id" params={{ id: e.tenant_id }} search={{ explain: explainName({ decision: e.id }) }} className="btn">
                    Why this decision?
                  </Link>
                )}
                {!isVoided(e) && (e.kind === "event" || e.kind === "consume") && (
                  <button type="button" className="btn danger" onClick={() => setVoiding(true)}>
                    Void
                  </button>
                )}
              </div>
            </>
          )}
        </Loaded>
      </div>
      {voiding && e && <VoidForm event={e} onClose={() => setVoiding(false)} />}
    </Dialog>
  );
}

function Facts({ event: e, zone }: { event: EventRow; zone: string }) {
  return (
    <dl className="facts">
      <dt>Tenant</dt>
      <dd>
        <Link to="/tenants/$id" params={{ id: e.tenant_id }} className="link">
          <bdi>{e.tenant_id}</bdi>
        </Link>
      </dd>
      {e.user_id && (
        <>
          <dt>User</dt>
          <dd>
            <Link to="/events" search={{ tenant: e.tenant_id, user: e.user_id }} className="link" title="Events of this user">
              <bdi>{e.user_id}</bdi>
            </Link>
          </dd>
        </>
      )}
      <dt>Id</dt>
      <dd className="mono any">{e.id}</dd>
      {e.source && (
        <>
          <dt>Source</dt>
          <dd className="any">{e.source}</dd>
        </>
      )}
      <dt>Kind</dt>
      <dd>{e.kind}</dd>
      <dt>Happened</dt>
      <dd className="num">{momentSeconds(e.timestamp, zone)}</dd>
      <dt>Received</dt>
      <dd className="num">
        {momentSeconds(e.received_at, zone)}
        {isLate(e) && <Tag tone="warn">late</Tag>}
      </dd>
      {!e.items && (
        <>
          <dt>Quantity</dt>
          <dd className="num">{exact(e.quantity ?? 1)}</dd>
        </>
      )}
      {e.voided && (
        <>
          <dt>Voided</dt>
          <dd className="any">
            {moment(e.voided.time, zone)}: {e.voided.reason}
          </dd>
        </>
      )}
    </dl>
  );
}

function VoidForm({ event, onClose }: { event: EventRow; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const change = useChange();
  const confirm = async () => {
    const body = { tenant_id: event.tenant_id, ...(event.source ? { source: event.source } : {}), reason: reason.trim() };
    if (await change.run(path`v1/events/${event.id}/void`, { method: "POST", body }, ["v1/"])) onClose();
  };
  return (
    <Confirm title="Void this event?" action="Void event" busy={change.busy || reason.trim() === ""} error={change.error} onConfirm={() => void confirm()} onClose={onClose}>
      <p>It is taken out of every total of its period. The event and its id stay in the log, so sending it again counts nothing. This cannot be undone.</p>
      <Field label="Reason" hint="Kept in the audit" error={change.error?.field("/reason")}>
        <input className="input" required maxLength={512} value={reason} onChange={(e) => setReason(e.target.value)} />
      </Field>
    </Confirm>
  );
}
