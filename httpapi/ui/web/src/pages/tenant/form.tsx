// Make or change a tenant.

import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useChange } from "../../api/change";
import { path } from "../../api/client";
import { useAll } from "../../api/hooks";
import type { Plan, Tenant } from "../../api/types";
import { Dialog, Field, FormError } from "../../ui/dialog";

const zones: string[] = (Intl as { supportedValuesOf?: (k: string) => string[] }).supportedValuesOf?.("timeZone") ?? [];

export function TenantForm({ tenant, onClose }: { tenant?: Tenant; onClose: () => void }) {
  const plans = useAll<Plan>("v1/plans");
  const navigate = useNavigate();
  const change = useChange();
  const [id, setId] = useState(tenant?.id ?? "");
  const [name, setName] = useState(tenant?.name ?? "");
  const [plan, setPlan] = useState(tenant?.plan ?? "");
  const [zone, setZone] = useState(tenant?.time_zone ?? "UTC");
  const [stripe, setStripe] = useState(tenant?.stripe_customer_id ?? "");
  const submit = async () => {
    const body = {
      ...(name ? { name } : {}),
      ...(plan ? { plan } : {}),
      time_zone: zone,
      ...(tenant?.billing_anchor ? { billing_anchor: tenant.billing_anchor } : {}),
      ...(tenant && Object.keys(tenant.metadata).length ? { metadata: tenant.metadata } : {}),
      ...(stripe ? { stripe_customer_id: stripe } : {}),
    };
    const headers: Record<string, string> = tenant ? {} : { "If-None-Match": "*" };
    if (!(await change.run(path`v1/tenants/${id}`, { method: "PUT", body, headers }, ["v1/tenants", "v1/audit", "v1/system"]))) return;
    onClose();
    if (!tenant) void navigate({ to: "/tenants/$id", params: { id } });
  };
  const e = change.error;
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
          <button type="submit" className="btn pri" disabled={change.busy || !id}>
            {tenant ? "Save" : "Create tenant"}
          </button>
        </>
      }
    >
      <div className="body">
        <div className="fields">
          {!tenant && (
            <Field label="Id" hint="As your events name it. It cannot change." error={e?.field("/id")}>
              <input className="input mono" required maxLength={128} value={id} onChange={(x) => setId(x.target.value)} />
            </Field>
          )}
          <Field label="Name" error={e?.field("/name")}>
            <input className="input" value={name} onChange={(x) => setName(x.target.value)} />
          </Field>
          <Field label="Plan" hint={tenant ? "Another plan takes effect now." : undefined} error={e?.field("/plan")}>
            <select className="input" value={plan} onChange={(x) => setPlan(x.target.value)}>
              <option value="">No plan</option>
              {(plans.data ?? []).map((p) => (
                <option key={p.slug} value={p.slug}>
                  {p.name || p.slug}
                </option>
              ))}
            </select>
          </Field>
          <Field label="Time zone" wide hint="Its days and months begin there." error={e?.field("/time_zone")}>
            <input className="input" list="zones" value={zone} onChange={(x) => setZone(x.target.value)} />
          </Field>
          <Field label="Stripe customer" error={e?.field("/stripe_customer_id")}>
            <input className="input mono" value={stripe} placeholder="cus_…" onChange={(x) => setStripe(x.target.value)} />
          </Field>
        </div>
        <datalist id="zones">
          {zones.map((z) => (
            <option key={z} value={z} />
          ))}
        </datalist>
        <FormError error={e} />
      </div>
    </Dialog>
  );
}
