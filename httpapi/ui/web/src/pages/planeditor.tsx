// Make a plan or a new version of one. What it would do to tenants is asked of the engine before it is saved.

import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useChange } from "../api/change";
import { path, withQuery } from "../api/client";
import { useTagged } from "../api/tagged";
import type { Meter, Plan, PlanTrial } from "../api/types";
import { exact } from "../lib/number";
import { draftOf, emptyQuota, isSlug, planBody, slugRule, wrong, type PlanDraft, type QuotaDraft } from "../lib/plandraft";
import { ChangedMeanwhile, Dialog, Field, FormError } from "../ui/dialog";
import { ErrorState } from "../ui/parts";
import { QuotaFields } from "./quotafields";

export function PlanEditor({ plan, meters, onClose }: { plan?: Plan; meters: Meter[]; onClose: () => void }) {
  const base = useTagged<Plan>(plan ? path`v1/plans/${plan.slug}` : null);
  if (!plan) return <Editor meters={meters} headers={{ "If-None-Match": "*" }} reload={base.refetch} onClose={onClose} />;
  if (base.data) return <Editor key={base.headers["If-Match"]} plan={base.data} meters={meters} headers={base.headers} reload={base.refetch} onClose={onClose} />;
  if (!base.error) return null;
  return (
    <Dialog title={"Edit " + (plan.name || plan.slug)} onClose={onClose}>
      <ErrorState error={base.error} retry={base.refetch} />
    </Dialog>
  );
}

function Editor({ plan, meters, headers, reload, onClose }: { plan?: Plan; meters: Meter[]; headers: Record<string, string>; reload: () => void; onClose: () => void }) {
  const [draft, setDraft] = useState<PlanDraft>(() => (plan ? draftOf(plan) : { slug: "", name: "", rest: {}, quotas: [emptyQuota(meters[0]?.slug ?? "")] }));
  const [apply, setApply] = useState("");
  const [trial, setTrial] = useState<PlanTrial | null>(null);
  const change = useChange();
  // The answer stands below the quotas, where a long plan hides it.
  const answer = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (trial) answer.current?.scrollIntoView({ block: "nearest" });
  }, [trial]);
  const edit = (next: Partial<PlanDraft>) => {
    setDraft({ ...draft, ...next });
    setTrial(null);
  };
  const setQuota = (i: number, q: Partial<QuotaDraft>) => edit({ quotas: draft.quotas.map((old, j) => (j === i ? { ...old, ...q } : old)) });
  const invalid = !isSlug(draft.slug) || draft.quotas.some((q) => wrong(q));
  const to = path`v1/plans/${draft.slug}`;
  const submit = async () => {
    if (!trial) {
      const t = await change.run<PlanTrial>(withQuery(to, { dry_run: true }), { method: "PUT", body: planBody(draft), headers }, []);
      if (t) setTrial(t);
      return;
    }
    if (await change.run<Plan>(withQuery(to, { apply }), { method: "PUT", body: planBody(draft), headers }, ["v1/plans", "v1/tenants", "v1/audit"])) onClose();
  };
  return (
    <Dialog
      kind="wide"
      title={plan ? "Edit " + (plan.name || plan.slug) : "New plan"}
      onClose={onClose}
      onSubmit={() => void submit()}
      footer={
        <>
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="btn pri" disabled={change.busy || invalid || trial?.identical}>
            {!trial ? "See what changes" : plan ? "Save version " + ((plan.version ?? 0) + 1) : "Create plan"}
          </button>
        </>
      }
    >
      <div className="body">
        <div className="fields">
          <Field label="Slug" hint={plan ? undefined : "a-z, 0-9, _ and -"} error={change.error?.field("/slug") ?? (draft.slug !== "" && !isSlug(draft.slug) ? slugRule : undefined)}>
            <input className="input mono" required disabled={!!plan} value={draft.slug} onChange={(e) => edit({ slug: e.target.value })} />
          </Field>
          <Field label="Name" error={change.error?.field("/name")}>
            <input className="input" value={draft.name} onChange={(e) => edit({ name: e.target.value })} />
          </Field>
          {plan && (
            <Field label="Tenants on it" hint="A new version moves nobody by itself.">
              <select className="input" value={apply} onChange={(e) => setApply(e.target.value)}>
                <option value="">Stay on their version</option>
                <option value="now">Move now</option>
                <option value="period_end">Move when their period ends</option>
              </select>
            </Field>
          )}
        </div>
        {draft.quotas.map((q, i) => (
          <QuotaFields key={q.key} quota={q} index={i} meters={meters} error={change.error} onChange={(x) => setQuota(i, x)} onRemove={() => edit({ quotas: draft.quotas.filter((_, j) => j !== i) })} />
        ))}
        <div>
          <button type="button" className="btn" onClick={() => edit({ quotas: [...draft.quotas, emptyQuota(meters[0]?.slug ?? "")] })}>
            Add a quota
          </button>
        </div>
        <div role="status" ref={answer}>
          {trial && <Trial trial={trial} />}
        </div>
        {change.error?.status === 412 && plan ? <ChangedMeanwhile what="this plan" note="What is new replaces what you changed here." onLoad={reload} /> : <FormError error={change.error} />}
      </div>
    </Dialog>
  );
}

const named = 5;

function Trial({ trial }: { trial: PlanTrial }) {
  const over = trial.tenants_over.length;
  if (trial.identical) return <p className="banner plain">Nothing would change: the plan is like this already.</p>;
  return (
    <div className={"banner " + (over ? "" : "plain")}>
      <span className="any">
        {over === 0
          ? trial.tenants === 0
            ? "No tenant is on this plan yet."
            : "None of its " + exact(trial.tenants) + " tenants would be over now."
          : (over === 1 ? "1 tenant would be over now: " : exact(over) + " tenants would be over now: ")}
        {trial.tenants_over.slice(0, named).map((t, i) => (
          <span key={t}>
            {i > 0 && ", "}
            <Link to="/tenants/$id" params={{ id: t }} className="link" style={{ color: "inherit" }}>
              {t}
            </Link>
          </span>
        ))}
        {over > named && " and " + exact(over - named) + " more"}
      </span>
    </div>
  );
}
