// A tenant's own limits beside those of its plan.

import { useState } from "react";
import { useChange } from "../../api/change";
import { path } from "../../api/client";
import { decimal, isDecimal } from "../../api/json";
import type { Override, QuotaStatus, Tenant } from "../../api/types";
import { exact, toNumber } from "../../lib/number";
import { localZone, moment } from "../../lib/time";
import { useParams1, useSetSearch } from "../../shell/view";
import { Confirm, Dialog, Field, FormError } from "../../ui/dialog";
import { Card, Empty } from "../../ui/parts";

export function Overrides({ tenant, quotas, zone }: { tenant: Tenant; quotas: QuotaStatus[]; zone: string }) {
  const search = useParams1();
  const set = useSetSearch();
  const [removing, setRemoving] = useState<Override | null>(null);
  return (
    <Card
      title="Overrides"
      side={
        <button type="button" className="btn small" disabled={!quotas.length} onClick={() => set({ override: quotas[0]!.quota })}>
          Add
        </button>
      }
    >
      {tenant.overrides.length === 0 ? (
        <Empty title="None">
          <p className="sub">The limits are those of the plan.</p>
        </Empty>
      ) : (
        <div className="rule">
          {tenant.overrides.map((o) => (
            <div className="pad" key={o.quota}>
              <div className="row apart">
                <b className="cut">{o.quota}</b>
                <span className="row tight">
                  <button type="button" className="btn small" onClick={() => set({ override: o.quota })}>
                    Edit
                  </button>
                  <button type="button" className="btn small danger" onClick={() => setRemoving(o)}>
                    Remove
                  </button>
                </span>
              </div>
              <div className="sub num any">
                {overrideText(o)}
                {o.effective_from && ", from " + moment(o.effective_from, zone)}
                {o.effective_until && ", until " + moment(o.effective_until, zone)}
              </div>
            </div>
          ))}
        </div>
      )}
      {search.override && quotas.length > 0 && <OverrideForm key={search.override} tenant={tenant} quotas={quotas} quota={search.override} onClose={() => set({ override: undefined })} />}
      {removing && <RemoveOverride tenant={tenant} override={removing} onClose={() => setRemoving(null)} />}
    </Card>
  );
}

// overrideText says the fields of an override: "limit 10,000, overage unlimited".
export const overrideText = (o: Override): string =>
  Object.entries(o.fields).map(([k, v]) => k.replaceAll("_", " ") + " " + (v === null ? "none" : typeof v === "number" || (typeof v === "string" && isDecimal(v)) ? exact(v) : typeof v === "string" ? v : JSON.stringify(v))).join(", ");

function OverrideForm({ tenant, quotas, quota, onClose }: { tenant: Tenant; quotas: QuotaStatus[]; quota: string; onClose: () => void }) {
  const set = useSetSearch();
  const change = useChange();
  const status = quotas.find((q) => q.quota === quota);
  const old = tenant.overrides.find((o) => o.quota === quota);
  const [unlimited, setUnlimited] = useState(old ? old.fields.limit === null : status?.limit === null);
  const [limit, setLimit] = useState(old?.fields.limit != null ? exact(old.fields.limit as number) : status?.limit != null ? exact(status.limit) : "");
  const [overage, setOverage] = useState(old?.fields.overage != null ? String(old.fields.overage) : "");
  const [mode, setMode] = useState((old?.fields.mode as string | undefined) ?? "");
  const [until, setUntil] = useState(old?.effective_until ? local(old.effective_until) : "");
  const wrong = !unlimited && !isDecimal(limit);
  const [typed, setTyped] = useState(false);
  const wrongOverage = overage !== "" && overage !== "unlimited" && !isDecimal(overage);
  const submit = async () => {
    const known = ["limit", "overage", "mode"];
    const rest = Object.fromEntries(Object.entries(old?.fields ?? {}).filter(([k]) => !known.includes(k)));
    const body = {
      ...rest,
      limit: unlimited ? null : decimal(limit),
      ...(overage ? { overage: overage === "unlimited" ? overage : decimal(overage) } : {}),
      ...(mode ? { mode } : {}),
      ...(until ? { effective_until: new Date(until).toISOString() } : {}),
      ...(old?.effective_from ? { effective_from: old.effective_from } : {}),
    };
    if (await change.run(path`v1/tenants/${tenant.id}/quotas/${quota}`, { method: "PUT", body }, ["v1/tenants", "v1/audit"])) onClose();
  };
  const lower = !wrong && !unlimited && status && toNumber(decimal(limit)!.text) < toNumber(status.used);
  return (
    <Dialog
      title={"A limit of its own for " + tenant.name}
      onClose={onClose}
      onSubmit={() => void submit()}
      footer={
        <>
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="btn pri" disabled={change.busy || wrong || wrongOverage}>
            Save override
          </button>
        </>
      }
    >
      <div className="body">
        <div className="fields">
          <Field label="Quota">
            <select className="input" value={quota} onChange={(e) => set({ override: e.target.value })}>
              {quotas.map((q) => (
                <option key={q.quota} value={q.quota}>
                  {q.quota}
                </option>
              ))}
            </select>
          </Field>
          <Field label="Limit" hint={status ? exact(status.used) + " used now" : undefined} error={change.error?.field("/limit") ?? (wrong && typed ? "A number, such as 10,000,000" : undefined)}>
            <input className="input num" inputMode="decimal" value={unlimited ? "" : limit} disabled={unlimited} aria-invalid={wrong && typed} onChange={(e) => (setTyped(true), setLimit(e.target.value))} />
          </Field>
          <Field label="Overage" hint="Empty: as in the plan. A number, or unlimited." error={change.error?.field("/overage") ?? (wrongOverage ? "A number, or the word unlimited" : undefined)}>
            <input className="input num" value={overage} aria-invalid={wrongOverage} onChange={(e) => setOverage(e.target.value.trim())} />
          </Field>
          <Field label="Mode">
            <select className="input" value={mode} onChange={(e) => setMode(e.target.value)}>
              <option value="">As in the plan</option>
              <option value="enforce">enforce: stops</option>
              <option value="soft">soft: never stops</option>
              <option value="shadow">shadow: only reports</option>
            </select>
          </Field>
          <Field label="Until" hint={"Empty: for good. In your zone, " + localZone() + "."} error={change.error?.field("/effective_until")}>
            <input className="input" type="datetime-local" value={until} onChange={(e) => setUntil(e.target.value)} />
          </Field>
        </div>
        <label className="row tight">
          <input type="checkbox" checked={unlimited} onChange={(e) => setUnlimited(e.target.checked)} /> No limit
        </label>
        {lower && <p className="warn">That is less than what is used: {tenant.name} would be over at once.</p>}
        <FormError error={change.error} />
      </div>
    </Dialog>
  );
}

// local is a time as a datetime-local field wants it.
function local(iso: string): string {
  const d = new Date(iso);
  return new Date(d.getTime() - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function RemoveOverride({ tenant, override, onClose }: { tenant: Tenant; override: Override; onClose: () => void }) {
  const change = useChange();
  const confirm = async () => {
    if (await change.run(path`v1/tenants/${tenant.id}/quotas/${override.quota}`, { method: "DELETE" }, ["v1/tenants", "v1/audit"])) onClose();
  };
  return (
    <Confirm title="Remove the override?" action="Remove override" busy={change.busy} error={change.error} onConfirm={() => void confirm()} onClose={onClose}>
      <p>
        {tenant.name} goes back to the plan's {override.quota}. This takes effect at once.
      </p>
    </Confirm>
  );
}
