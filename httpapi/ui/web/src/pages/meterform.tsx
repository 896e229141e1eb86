// Make a meter. What cannot change later is said before it is saved.

import { useState } from "react";
import { useChange } from "../api/change";
import { path } from "../api/client";
import type { Meter } from "../api/types";
import { isSlug, slugRule } from "../lib/plandraft";
import { aggregationWords } from "../lib/words";
import { Dialog, Field, FormError } from "../ui/dialog";

const valued = ["sum", "min", "max", "avg", "latest", "weighted_sum", "p50", "p90", "p99"];

const list = (text: string) => text.split(/[\s,]+/).filter(Boolean);

export function MeterForm({ onClose }: { onClose: (made?: string) => void }) {
  const change = useChange();
  const [slug, setSlug] = useState("");
  const [name, setName] = useState("");
  const [event, setEvent] = useState("");
  const [aggregation, setAggregation] = useState("sum");
  const [value, setValue] = useState("");
  const [unique, setUnique] = useState("");
  const [scale, setScale] = useState("");
  const [unit, setUnit] = useState("");
  const [dimensions, setDimensions] = useState("");
  const [filters, setFilters] = useState("");
  const wrongFilters = filters.trim() !== "" && !isJSON(filters);
  const submit = async () => {
    const body: Record<string, unknown> = { event_type: event || slug, aggregation };
    if (name) body.name = name;
    if (value && valued.includes(aggregation)) body.value_property = value;
    if (unique && aggregation === "unique_count") body.unique_property = unique;
    if (scale) body.scale = Number(scale);
    if (unit) body.unit = unit;
    if (dimensions.trim()) body.dimensions = list(dimensions);
    if (filters.trim()) body.filters = JSON.parse(filters);
    if (await change.run<Meter>(path`v1/meters/${slug}`, { method: "PUT", body, headers: { "If-None-Match": "*" } }, ["v1/meters", "v1/audit"])) onClose(slug);
  };
  const e = change.error;
  return (
    <Dialog
      kind="wide"
      title="New meter"
      onClose={() => onClose()}
      onSubmit={() => void submit()}
      footer={
        <>
          <button type="button" className="btn" onClick={() => onClose()}>
            Cancel
          </button>
          <button type="submit" className="btn pri" disabled={change.busy || wrongFilters || !slug}>
            Create meter
          </button>
        </>
      }
    >
      <div className="body">
        <div className="fields">
          <Field label="Slug" hint="a-z, 0-9, _ and -" error={e?.field("/slug") ?? (slug !== "" && !isSlug(slug) ? slugRule : undefined)}>
            <input className="input mono" required pattern="[a-z0-9_\-]{1,64}" title="1 to 64 of a-z, 0-9, _ and -" placeholder="image_pixels" value={slug} onChange={(x) => setSlug(x.target.value)} />
          </Field>
          <Field label="Name" error={e?.field("/name")}>
            <input className="input" placeholder="Image pixels" value={name} onChange={(x) => setName(x.target.value)} />
          </Field>
          <Field label="Event type" hint="Empty: as the slug. * takes every event." error={e?.field("/event_type")}>
            <input className="input mono" placeholder={slug} value={event} onChange={(x) => setEvent(x.target.value)} />
          </Field>
          <Field label="Unit" hint="One of them: call, byte, second" error={e?.field("/unit")}>
            <input className="input" value={unit} onChange={(x) => setUnit(x.target.value)} />
          </Field>
          <Field label="Aggregation" wide error={e?.field("/aggregation")}>
            <select className="input" value={aggregation} onChange={(x) => setAggregation(x.target.value)}>
              {Object.entries(aggregationWords).map(([a, words]) => (
                <option key={a} value={a}>
                  {words} ({a})
                </option>
              ))}
            </select>
          </Field>
          {valued.includes(aggregation) && (
            <Field label="Value from" hint="Empty: the event's quantity" error={e?.field("/value_property")}>
              <input className="input mono" placeholder="metadata.bytes" value={value} onChange={(x) => setValue(x.target.value)} />
            </Field>
          )}
          {aggregation === "unique_count" && (
            <Field label="Distinct by" hint="Empty: the user" error={e?.field("/unique_property")}>
              <input className="input mono" placeholder="user_id" value={unique} onChange={(x) => setUnique(x.target.value)} />
            </Field>
          )}
          <Field label="Decimals" hint="0 to 9 digits behind the point" error={e?.field("/scale")}>
            <input className="input num" placeholder="0" type="number" min={0} max={9} value={scale} onChange={(x) => setScale(x.target.value)} />
          </Field>
        </div>
        <Field label="Dimensions" hint="Properties to break usage down by, at most 8. The user is always one." error={e?.field("/dimensions")}>
          <input className="input mono" placeholder="metadata.model, metadata.region" value={dimensions} onChange={(x) => setDimensions(x.target.value)} />
        </Field>
        <Field label="Filters" hint="Empty: every event of the type" error={e?.field("/filters") ?? (wrongFilters ? "This is not JSON" : undefined)}>
          <textarea className="input" rows={3} spellCheck={false} aria-invalid={wrongFilters} placeholder='{"property":"metadata.status","op":"lt","value":500}' value={filters} onChange={(x) => setFilters(x.target.value)} />
        </Field>
        <p className="sub">Name and unit may change later; everything else is for good. Counting begins now: events of before do not count in it.</p>
        <FormError error={e} />
      </div>
    </Dialog>
  );
}

function isJSON(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
