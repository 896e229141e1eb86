// Settings of the store, keys, and the audit of every change.

import { useState } from "react";
import { useChange } from "../api/change";
import { useAll } from "../api/hooks";
import { useTagged } from "../api/tagged";
import type { Plan, Settings as Body } from "../api/types";
import { useParams1, useSetSearch } from "../shell/view";
import { ChangedMeanwhile, Field, FormError } from "../ui/dialog";
import { Card, Loaded, Segmented } from "../ui/parts";
import { Audit } from "./audit";
import { Keys } from "./keys";
import { ServerConfig } from "./serverconfig";
import { StorageTable } from "./storage";

const tabs = [
  { value: "general", label: "General" },
  { value: "keys", label: "Keys" },
  { value: "audit", label: "Audit" },
  { value: "config", label: "Configuration" },
] as const;
type Tab = (typeof tabs)[number]["value"];

export function Settings() {
  const search = useParams1();
  const set = useSetSearch();
  const tab = tabs.find((t) => t.value === search.tab)?.value ?? "general";
  const settings = useTagged<Body>(tab === "general" ? "v1/settings" : null);
  const [saved, setSaved] = useState(false);
  return (
    <>
      <div className="title">
        <h1>Settings</h1>
        <Segmented<Tab> label="Part" value={tab} options={tabs} onChange={(t) => set({ tab: t === "general" ? undefined : t })} />
      </div>
      {tab === "general" && (
        <div className="stack">
          <Card title="General">
            <Loaded query={settings} height={260}>
              {(s) => <Form key={settings.headers["If-Match"]} settings={s} headers={settings.headers} saved={saved} onSaved={setSaved} reload={settings.refetch} />}
            </Loaded>
          </Card>
          <StorageTable />
        </div>
      )}
      {tab === "keys" && <Keys />}
      {tab === "audit" && <Audit />}
      {tab === "config" && <ServerConfig />}
    </>
  );
}

const classes = [
  { name: "raw", label: "Raw events", hint: "Empty: for ever. With them go listing, void and explain." },
  { name: "minute", label: "Minutes", hint: "14d unless said otherwise" },
  { name: "quarter_hour", label: "Quarter hours", hint: "400d unless said otherwise" },
  { name: "hour", label: "Hours", hint: "Empty: for ever. Days always are." },
] as const;
type Class = (typeof classes)[number]["name"];

// Form begins anew with another version of the settings; that it has just saved them is kept outside.
function Form({ settings, headers, saved, onSaved, reload }: { settings: Body; headers: Record<string, string>; saved: boolean; onSaved: (saved: boolean) => void; reload: () => void }) {
  const plans = useAll<Plan>("v1/plans");
  const change = useChange();
  const [plan, setPlan] = useState(settings.default_plan ?? "");
  const [unknown, setUnknown] = useState(settings.unknown_tenants ?? "create");
  const [upgrade, setUpgrade] = useState(settings.upgrade_url ?? "");
  const [kept, setKept] = useState(() => Object.fromEntries(classes.map((c) => [c.name, settings.retention?.[c.name] ?? ""])) as Record<Class, string>);
  const touched = classes.some((c) => kept[c.name] !== (settings.retention?.[c.name] ?? ""));
  const retention = settings.retention || touched ? { retention: Object.fromEntries(classes.filter((c) => kept[c.name] || settings.retention?.[c.name] !== undefined).map((c) => [c.name, kept[c.name] || null])) } : {};
  const submit = async () => {
    const body = { ...settings, default_plan: plan || null, unknown_tenants: unknown, upgrade_url: upgrade || null, ...retention };
    const done = !!(await change.run("v1/settings", { method: "PUT", body, headers }, ["v1/settings", "v1/audit"]));
    onSaved(done);
    if (done) reload();
  };
  return (
    <form
      className="body stack"
      onSubmit={(e) => {
        e.preventDefault();
        void submit();
      }}
    >
      <div className="fields" style={{ maxWidth: 760 }}>
        <Field label="Plan of new tenants" error={change.error?.field("/default_plan")}>
          <select className="input" value={plan} onChange={(e) => setPlan(e.target.value)}>
            <option value="">None: no limits</option>
            {(plans.data ?? []).map((p) => (
              <option key={p.slug} value={p.slug}>
                {p.name || p.slug}
              </option>
            ))}
          </select>
        </Field>
        <Field label="Events of unknown tenants" error={change.error?.field("/unknown_tenants")}>
          <select className="input" value={unknown} onChange={(e) => setUnknown(e.target.value as NonNullable<Body["unknown_tenants"]>)}>
            <option value="create">make the tenant</option>
            <option value="reject">are refused</option>
          </select>
        </Field>
        <Field label="Upgrade address" hint="Where a tenant over its limit is sent" error={change.error?.field("/upgrade_url")}>
          <input className="input" type="url" placeholder="https://example.com/upgrade" value={upgrade} onChange={(e) => setUpgrade(e.target.value)} />
        </Field>
      </div>
      <div style={{ maxWidth: 760 }}>
        <h3 style={{ marginBottom: 8 }}>How long data is kept</h3>
        <div className="fields">
          {classes.map((c) => (
            <Field key={c.name} label={c.label} hint={c.hint} error={change.error?.field("/retention/" + c.name)}>
              <input className="input num" placeholder="for ever" value={kept[c.name]} onChange={(e) => setKept({ ...kept, [c.name]: e.target.value.trim() })} />
            </Field>
          ))}
        </div>
      </div>
      {change.error?.status === 412 ? <ChangedMeanwhile what="the settings" note="What is new replaces what you typed." onLoad={reload} /> : <FormError error={change.error} />}
      <div className="row tight">
        <button type="submit" className="btn pri" disabled={change.busy}>
          Save settings
        </button>
        <span role="status" className="sub">
          {saved && !change.busy && !change.error && "Saved"}
        </span>
      </div>
    </form>
  );
}
