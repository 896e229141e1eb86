// Make or change a tenant. A change is of what was read when the form opened: what somebody else changed since is not undone.

import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useChange } from "../../api/change";
import { path } from "../../api/client";
import { useAll, useGet } from "../../api/hooks";
import { parseExact } from "../../api/json";
import { useTagged } from "../../api/tagged";
import type { Plan, Summary, Tenant } from "../../api/types";
import { civilText, instantOf } from "../../lib/civiltext";
import { moment, validZone } from "../../lib/time";
import { ChangedMeanwhile, Dialog, Field, FormError } from "../../ui/dialog";

const zones: string[] = (Intl as { supportedValuesOf?: (k: string) => string[] }).supportedValuesOf?.("timeZone") ?? [];

const quarter = 900; // seconds: periods begin on whole quarter hours

interface Draft {
  id: string;
  name: string;
  plan: string;
  zone: string;
  anchor: string; // civil time of the zone
  stripe: string;
}

const draftOf = (t: Tenant | undefined): Draft => ({
  id: t?.id ?? "",
  name: t?.name ?? "",
  plan: t?.plan ?? "",
  zone: t?.time_zone ?? "UTC",
  anchor: t?.billing_anchor ? civilText(t.billing_anchor, t.time_zone) : "",
  stripe: t?.stripe_customer_id ?? "",
});

export function TenantForm({ tenant, onClose }: { tenant?: Tenant; onClose: () => void }) {
  const base = useTagged<Tenant>(tenant ? path`v1/tenants/${tenant.id}` : null);
  const plans = useAll<Plan>("v1/plans");
  const navigate = useNavigate();
  const change = useChange();
  const [edits, setEdits] = useState<Partial<Draft>>({});
  const was = draftOf(base.data ?? tenant);
  const d = { ...was, ...edits };
  const set = (next: Partial<Draft>) => setEdits({ ...edits, ...next });
  const ready = !tenant || base.data !== undefined;
  const known = validZone(d.zone);
  const anchor = d.anchor === was.anchor && d.zone === was.zone ? base.data?.billing_anchor : d.anchor && instantOf(d.anchor, known ? d.zone : "UTC");
  const submit = async () => {
    const whole = base.data ? (parseExact(base.text) as Tenant) : undefined;
    const body = {
      ...(d.name ? { name: d.name } : {}),
      ...(d.plan ? { plan: d.plan } : {}),
      time_zone: d.zone,
      ...(anchor ? { billing_anchor: anchor } : {}),
      ...(whole && Object.keys(whole.metadata).length ? { metadata: whole.metadata } : {}),
      ...(d.stripe ? { stripe_customer_id: d.stripe } : {}),
    };
    const headers = tenant ? base.headers : { "If-None-Match": "*" };
    if (!(await change.run(path`v1/tenants/${d.id}`, { method: "PUT", body, headers }, ["v1/tenants", "v1/audit", "v1/system"]))) return;
    onClose();
    if (!tenant) void navigate({ to: "/tenants/$id", params: { id: d.id } });
  };
  const e = change.error;
  const moved = ready && tenant !== undefined && (d.zone !== was.zone || d.anchor !== was.anchor);
  return (
    <Dialog
      title={tenant ? "Edit " + tenant.name : "New tenant"}
      onClose={onClose}
      onSubmit={() => void submit()}
      footer={
        <>
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="btn pri" disabled={change.busy || !ready || !d.id}>
            {tenant ? "Save" : "Create tenant"}
          </button>
        </>
      }
    >
      <div className="body">
          <div className="fields">
            {!tenant && (
              <Field label="Id" hint="As your events name it. It cannot change." error={e?.field("/id")}>
                <input className="input mono" required maxLength={128} value={d.id} onChange={(x) => set({ id: x.target.value })} />
              </Field>
            )}
            <Field label="Name" error={e?.field("/name")}>
              <input className="input" value={d.name} onChange={(x) => set({ name: x.target.value })} />
            </Field>
            <Field label="Plan" hint={tenant ? "Another plan takes effect now." : undefined} error={e?.field("/plan")}>
              <select className="input" value={d.plan} onChange={(x) => set({ plan: x.target.value })}>
                <option value="">No plan</option>
                {d.plan && !plans.data?.some((p) => p.slug === d.plan) && <option value={d.plan}>{d.plan}</option>}
                {(plans.data ?? []).map((p) => (
                  <option key={p.slug} value={p.slug}>
                    {p.name || p.slug}
                  </option>
                ))}
              </select>
            </Field>
            <Field label="Time zone" hint="Its days and months begin there." error={e?.field("/time_zone") ?? (known ? undefined : "A name of the tz database, such as Europe/Berlin")}>
              <input className="input" list="zones" required value={d.zone} onChange={(x) => set({ zone: x.target.value.trim() })} />
            </Field>
            <Field label="Billing anchor" wide hint={`A billing period begins at this day and hour of each month, in ${known ? d.zone : "UTC"}; where a month is shorter, on its last day. Empty: on the first, 00:00.`} error={e?.field("/billing_anchor")}>
              <input className="input num" type="datetime-local" step={quarter} max="9999-12-31T23:45" value={d.anchor} onChange={(x) => set({ anchor: x.target.value })} />
            </Field>
            <Field label="Stripe customer" error={e?.field("/stripe_customer_id")}>
              <input className="input mono" value={d.stripe} placeholder="cus_…" onChange={(x) => set({ stripe: x.target.value })} />
            </Field>
          </div>
          <datalist id="zones">
            {zones.map((z) => (
              <option key={z} value={z} />
            ))}
          </datalist>
          <div role="status">{moved && <Effect tenant={base.data!} />}</div>
          {e?.status === 412 && tenant ? (
            <ChangedMeanwhile
              what="this tenant"
              onLoad={() => {
                change.clear();
                base.refetch();
              }}
            />
          ) : (
            <FormError error={e ?? base.error} />
          )}
      </div>
    </Dialog>
  );
}

// Effect says when another zone or anchor takes effect.
function Effect({ tenant }: { tenant: Tenant }) {
  const summary = useGet<Summary>(path`v1/tenants/${tenant.id}/summary`);
  const ends = summary.data ? ", " + moment(summary.data.period.end, tenant.time_zone) + " in " + tenant.time_zone : "";
  const bare = !tenant.plan && tenant.overrides.length === 0;
  return (
    <p className="banner plain">
      <span>
        Nothing that is open changes: billing periods follow from the end of this one{ends}, and every other quota from the end of its own period.
        {bare && " A tenant that its events made, and that nothing limits, takes it at once."}
      </span>
    </p>
  );
}
