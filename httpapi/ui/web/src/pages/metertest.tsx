// Try a meter on an event: what it would count, without counting.

import { useState } from "react";
import { useChange } from "../api/change";
import { path } from "../api/client";
import type { Meter } from "../api/types";
import { withUnit, type Num } from "../lib/number";
import { Field, FormError } from "../ui/dialog";

interface Trial {
  meter: string;
  counted: boolean;
  reason: string | null;
  detail: string | null;
  value: Num | null;
  unit: string;
  member: string | null;
  dimensions: Record<string, string | null> | null;
  meters?: Trial[];
}

function sample(meter: Meter): string {
  const event: Record<string, unknown> = { id: "test", tenant_id: "acme", user_id: "alice", feature_type: meter.event_type === "*" ? "api_calls" : meter.event_type, quantity: 1 };
  const metadata: Record<string, unknown> = {};
  for (const p of [...(meter.dimensions ?? []), meter.value_property, meter.unique_property]) {
    const name = p?.match(/^metadata\.(.+)$/)?.[1];
    if (name) metadata[name] = p === meter.value_property ? 1 : "a";
  }
  if (Object.keys(metadata).length) event.metadata = metadata;
  return JSON.stringify(event, null, 2);
}

export function MeterTest({ meter }: { meter: Meter }) {
  const [text, setText] = useState(() => sample(meter));
  const [trial, setTrial] = useState<Trial | null>(null);
  const change = useChange();
  const run = async () => setTrial((await change.run<Trial>(path`v1/meters/${meter.slug}/test`, { method: "POST", body: text }, [])) ?? null);
  return (
    <div className="stack" style={{ gap: 10 }}>
      <Field label="Sample event">
        <textarea className="input" rows={9} spellCheck={false} value={text} onChange={(e) => setText(e.target.value)} />
      </Field>
      <div>
        <button type="button" className="btn pri" disabled={change.busy} onClick={() => void run()}>
          Run the test
        </button>
      </div>
      <FormError error={change.error} />
      <div role="status">{trial && <Result trial={trial} meter={meter} />}</div>
    </div>
  );
}

function Result({ trial, meter }: { trial: Trial; meter: Meter }) {
  const others = (trial.meters ?? []).filter((m) => m.meter !== meter.slug && m.counted);
  return (
    <div className={"verdict " + (trial.counted ? "" : "over")} style={{ borderRadius: 8, border: 0 }}>
      {trial.counted ? "counts " + withUnit(trial.value, trial.unit || meter.unit) : "does not count: " + (trial.detail ?? trial.reason)}
      {trial.member && <div className="mono">as {trial.member}</div>}
      {trial.dimensions && Object.keys(trial.dimensions).length > 0 && (
        <div className="mono">
          {Object.entries(trial.dimensions)
            .map(([d, v]) => d + " " + (v ?? "none"))
            .join(", ")}
        </div>
      )}
      {others.length > 0 && <div className="sub">also in {others.map((m) => m.meter).join(", ")}</div>}
    </div>
  );
}
