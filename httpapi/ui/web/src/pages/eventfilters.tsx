// What to list of the events. Every filter is in the address, so that a link shows the same.

import { useEffect, useId, useRef, useState, type ReactNode } from "react";
import type { EventFilter } from "../api/eventfilter";
import type { Meter } from "../api/types";
import { meterName } from "../api/usage";
import { useSetSearch } from "../shell/view";

// noFilters takes all of them out of an address.
export const noFilters = { tenant: undefined, feature: undefined, meter: undefined, user: undefined, id: undefined, source: undefined };

export function EventFilters({ filter: f, meters, children }: { filter: EventFilter; meters: Meter[]; children: ReactNode }) {
  const set = useSetSearch();
  const features = [...new Set(meters.map((m) => m.event_type))].filter((t) => t !== "*");
  const listed = meters.some((m) => m.slug === f.meter);
  return (
    <div className="filters" role="search" aria-label="Filter events">
      <TextFilter label="Tenant" value={f.tenant} onChange={(tenant) => set({ tenant })} />
      <TextFilter label="User" value={f.user} onChange={(user) => set({ user })} />
      <TextFilter label="Feature" value={f.feature} among={features} onChange={(feature) => set({ feature })} />
      <Labelled label="Counted by">
        {(id) => (
          <select id={id} className="input" value={f.meter ?? ""} onChange={(e) => set({ meter: e.target.value || undefined })}>
            <option value="">any meter</option>
            {f.meter && !listed && <option value={f.meter}>{f.meter}</option>}
            {meters.map((m) => (
              <option key={m.slug} value={m.slug}>
                {meterName(m)}
              </option>
            ))}
          </select>
        )}
      </Labelled>
      <TextFilter label="Id" mono value={f.id} onChange={(id) => set(id ? { id } : { id, source: undefined })} />
      {f.id && f.tenant && <TextFilter label="Source" mono value={f.source} onChange={(source) => set({ source })} />}
      <div className="row tight">{children}</div>
    </div>
  );
}

function Labelled({ label, children }: { label: string; children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div className="filter">
      <label htmlFor={id}>{label}</label>
      {children(id)}
    </div>
  );
}

// TextFilter is a field whose text goes into the address when the person pauses. What was sent and comes back as the address changes
// leaves the field alone: the person may have gone on typing.
function TextFilter({ label, value = "", among, mono, onChange }: { label: string; value?: string; among?: string[]; mono?: boolean; onChange: (v: string | undefined) => void }) {
  const [text, setText] = useState(value);
  const sent = useRef(value);
  const list = useId();
  useEffect(() => {
    if (value !== sent.current) setText(value);
    sent.current = value;
  }, [value]);
  useEffect(() => {
    const next = text.trim();
    if (next === sent.current) return;
    const t = setTimeout(() => {
      sent.current = next;
      onChange(next || undefined);
    }, 300);
    return () => clearTimeout(t);
  });
  return (
    <Labelled label={label}>
      {(id) => (
        <>
          <input id={id} className={"input" + (mono ? " mono" : "")} type="search" autoComplete="off" spellCheck={false} placeholder="any" list={among && list} value={text} onChange={(e) => setText(e.target.value)} />
          {among && (
            <datalist id={list}>
              {among.map((a) => (
                <option key={a} value={a} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Labelled>
  );
}
