// The fields of one quota in the editor of a plan.

import type { ApiError } from "../api/client";
import type { Meter } from "../api/types";
import { meterName } from "../api/usage";
import { calendar, faults, type QuotaDraft } from "../lib/plandraft";
import { Field } from "../ui/dialog";

const kindWords: Record<string, string> = { billing: "billing period", lifetime: "for good", sliding: "sliding window", first_use: "from first use", rate: "rate" };

export function QuotaFields({ quota: q, index, meters, error, onChange, onRemove }: { quota: QuotaDraft; index: number; meters: Meter[]; error: ApiError | null; onChange: (q: Partial<QuotaDraft>) => void; onRemove: () => void }) {
  const touched = q.slug !== "" || q.limit !== "";
  const bad = touched ? faults(q) : {};
  const field = (name: string, own?: keyof QuotaDraft) => error?.field("/quotas/" + index + "/" + name) ?? (own && bad[own]);
  const timed = ["sliding", "first_use", "rate"].includes(q.kind);
  return (
    <fieldset className="quotafields">
      <legend>{q.slug || "New quota"}</legend>
      <div className="fields">
        <Field label="Slug" error={field("slug", "slug")}>
          <input className="input mono" required value={q.slug} placeholder="api-monthly" onChange={(e) => onChange({ slug: e.target.value })} />
        </Field>
        <Field label="Meter" error={field("meter")}>
          <select className="input" value={q.meter} onChange={(e) => onChange({ meter: e.target.value })}>
            {meters.map((m) => (
              <option key={m.slug} value={m.slug}>
                {meterName(m)}
              </option>
            ))}
          </select>
        </Field>
        <Field label="Period" error={field("period")}>
          <select className="input" value={q.kind} onChange={(e) => onChange({ kind: e.target.value })}>
            {[...calendar, "sliding", "first_use", "rate"].map((k) => (
              <option key={k} value={k}>
                {kindWords[k] ?? k}
              </option>
            ))}
          </select>
        </Field>
        {timed && (
          <Field label={q.kind === "rate" ? "Per" : "Length"} error={field(q.kind === "rate" ? "rate/per" : "period/" + q.kind, "length")}>
            <input className="input mono" required placeholder={q.kind === "rate" ? "1s" : "30d"} value={q.length} onChange={(e) => onChange({ length: e.target.value.trim() })} />
          </Field>
        )}
        <Field label="Limit" hint={q.kind === "rate" ? undefined : "Empty: no limit"} error={field("limit", "limit") ?? field("rate/limit")}>
          <input className="input num" inputMode="decimal" value={q.limit} onChange={(e) => onChange({ limit: e.target.value })} />
        </Field>
        {q.kind === "rate" ? (
          <Field label="Burst" hint="Empty: the limit" error={field("rate/burst", "burst")}>
            <input className="input num" inputMode="decimal" value={q.burst} onChange={(e) => onChange({ burst: e.target.value })} />
          </Field>
        ) : (
          <>
            <Field label="Overage" hint="Beyond the limit: a number, or unlimited" error={field("overage", "overage")}>
              <input className="input num" value={q.overage} placeholder="0" onChange={(e) => onChange({ overage: e.target.value.trim() })} />
            </Field>
            <Field label="Warn at %" hint="Empty: never" error={field("warn_at", "warnAt")}>
              <input className="input num" inputMode="decimal" value={q.warnAt} onChange={(e) => onChange({ warnAt: e.target.value })} />
            </Field>
          </>
        )}
        <Field label="Mode" error={field("mode")}>
          <select className="input" value={q.mode} onChange={(e) => onChange({ mode: e.target.value })}>
            <option value="enforce">enforce: stops</option>
            <option value="soft">soft: never stops</option>
            <option value="shadow">shadow: only reports</option>
          </select>
        </Field>
        <Field label="Scope" error={field("scope")}>
          <select className="input" value={q.scope} onChange={(e) => onChange({ scope: e.target.value })}>
            <option value="tenant">whole tenant</option>
            <option value="user">each user</option>
          </select>
        </Field>
      </div>
      <div className="row" style={{ marginTop: 8, justifyContent: "flex-end" }}>
        <button type="button" className="btn small danger" onClick={onRemove} aria-label={"Remove the quota " + (q.slug || index + 1)}>
          Remove
        </button>
      </div>
    </fieldset>
  );
}
