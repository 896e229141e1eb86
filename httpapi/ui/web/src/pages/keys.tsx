// API keys: what each may do. A secret is shown once, when it is made.

import { useState } from "react";
import { useChange } from "../api/change";
import { path } from "../api/client";
import { useAll } from "../api/hooks";
import { dayYear } from "../lib/time";
import { useView } from "../shell/view";
import { Confirm, Dialog, Field, FormError } from "../ui/dialog";
import { Card, CopyButton, Empty, Loaded, Tag } from "../ui/parts";

interface Key {
  id: string;
  name?: string;
  scopes: string[];
  tenants?: string[];
  created_at?: string;
  rotated_at?: string;
}

interface Made {
  id?: string;
  key?: string;
  secret?: string;
  token?: string;
}

const scopes: { name: string; words: string }[] = [
  { name: "ingest", words: "record events" },
  { name: "check", words: "check, consume, reserve" },
  { name: "read", words: "read everything but keys and audit" },
  { name: "portal", words: "read one tenant's own usage" },
  { name: "backfill", words: "record events of any age" },
  { name: "admin", words: "everything else" },
];

export function Keys() {
  const view = useView();
  const list = useAll<Key>("v1/keys");
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<Key | null>(null);
  const [rotating, setRotating] = useState<Key | null>(null);
  const [made, setMade] = useState<Made | null>(null);
  return (
    <Card
      title="Keys"
      side={
        <button type="button" className="btn small" onClick={() => setMaking(true)}>
          New key
        </button>
      }
    >
      <Loaded query={list} height={200}>
        {(keys) =>
          keys.length === 0 ? (
            <Empty title="No key but the admin's own">
              <p className="sub">Give each program a key with the scopes it needs.</p>
            </Empty>
          ) : (
            <div className="scroll">
              <table>
                <thead>
                  <tr>
                    <th>Key</th>
                    <th>May</th>
                    <th>Tenants</th>
                    <th>Made</th>
                    <th>
                      <span className="hidden">Actions</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {keys.map((k) => (
                    <tr key={k.id}>
                      <td>
                        <span className="name">{k.name || k.id}</span>
                        <span className="sub mono">weir_{k.id}_…</span>
                      </td>
                      <td>
                        {k.scopes.map((s) => (
                          <Tag key={s}>{s}</Tag>
                        ))}
                      </td>
                      <td className="wrap">{k.tenants?.length ? k.tenants.join(", ") : "all"}</td>
                      <td className="num">{k.created_at && dayYear(k.created_at, view.zone)}</td>
                      <td className="r">
                        <button type="button" className="btn small" aria-label={"Rotate " + (k.name || k.id)} onClick={() => setRotating(k)}>
                          Rotate
                        </button>{" "}
                        <button type="button" className="btn small danger" aria-label={"Revoke " + (k.name || k.id)} onClick={() => setRevoking(k)}>
                          Revoke
                        </button>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
      {making && <KeyForm onClose={() => setMaking(false)} onMade={(m) => (setMaking(false), setMade(m))} />}
      {rotating && <Rotate k={rotating} onClose={() => setRotating(null)} onMade={(m) => (setRotating(null), setMade(m))} />}
      {revoking && <Revoke k={revoking} onClose={() => setRevoking(null)} />}
      {made && <Secret made={made} onClose={() => setMade(null)} />}
    </Card>
  );
}

function KeyForm({ onClose, onMade }: { onClose: () => void; onMade: (m: Made) => void }) {
  const change = useChange();
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(["ingest"]));
  const [tenants, setTenants] = useState("");
  const submit = async () => {
    const list = tenants.split(",").map((t) => t.trim()).filter(Boolean);
    const m = await change.run<Made>("v1/keys", { method: "POST", body: { name, scopes: [...chosen], ...(list.length ? { tenants: list } : {}) } }, ["v1/keys", "v1/audit"]);
    if (m) onMade(m);
  };
  return (
    <Dialog
      title="New key"
      onClose={onClose}
      onSubmit={() => void submit()}
      footer={
        <>
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="btn pri" disabled={change.busy || chosen.size === 0}>
            Create key
          </button>
        </>
      }
    >
      <div className="body">
        <Field label="Name" hint="Who uses it" error={change.error?.field("/name")}>
          <input className="input" required value={name} onChange={(e) => setName(e.target.value)} />
        </Field>
        <fieldset className="quotafields">
          <legend>It may</legend>
          <div className="fields">
            {scopes.map((s) => (
              <label key={s.name} className="row tight" style={{ alignItems: "flex-start" }}>
                <input
                  type="checkbox"
                  checked={chosen.has(s.name)}
                  onChange={() => {
                    const next = new Set(chosen);
                    if (!next.delete(s.name)) next.add(s.name);
                    setChosen(next);
                  }}
                />
                <span>
                  <b>{s.name}</b> <span className="sub">{s.words}</span>
                </span>
              </label>
            ))}
          </div>
        </fieldset>
        <Field label="Only for these tenants" hint="Ids with commas between. Empty: all." error={change.error?.field("/tenants")}>
          <input className="input mono" value={tenants} onChange={(e) => setTenants(e.target.value)} />
        </Field>
        <FormError error={change.error} />
      </div>
    </Dialog>
  );
}

function Rotate({ k, onClose, onMade }: { k: Key; onClose: () => void; onMade: (m: Made) => void }) {
  const change = useChange();
  const confirm = async () => {
    const m = await change.run<Made>(path`v1/keys/${k.id}/rotate`, { method: "POST", body: {} }, ["v1/keys", "v1/audit"]);
    if (m) onMade(m);
  };
  return (
    <Confirm title={"Rotate " + (k.name || k.id) + "?"} action="Rotate key" busy={change.busy} error={change.error} onConfirm={() => void confirm()} onClose={onClose}>
      <p>It gets a new secret, which is shown once.</p>
    </Confirm>
  );
}

function Revoke({ k, onClose }: { k: Key; onClose: () => void }) {
  const change = useChange();
  const confirm = async () => {
    if (await change.run(path`v1/keys/${k.id}`, { method: "DELETE" }, ["v1/keys", "v1/audit"])) onClose();
  };
  return (
    <Confirm title={"Revoke " + (k.name || k.id) + "?"} action="Revoke key" busy={change.busy} error={change.error} onConfirm={() => void confirm()} onClose={onClose}>
      <p>What uses it is refused from now on. This cannot be undone.</p>
    </Confirm>
  );
}

function Secret({ made, onClose }: { made: Made; onClose: () => void }) {
  const text = made.key ?? made.token ?? made.secret ?? "";
  return (
    <Dialog title="The key, shown once" onClose={onClose}>
      <div className="body">
        <p>Copy it now: only its hash is kept.</p>
        <pre className="code" tabIndex={0}>
          {text}
        </pre>
        <div className="row tight">
          <CopyButton small={false} text={() => text}>
            Copy
          </CopyButton>
          <button type="button" className="btn pri" onClick={onClose}>
            Done
          </button>
        </div>
      </div>
    </Dialog>
  );
}
