// A number: the question, the days or hours it lies in, the events behind it, and the limit it is held against.

import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { explainPath, type ExplainCounts, type Explained, type ExplainEvent, type ExplainRules, type Explanation } from "../../api/explanation";
import { usePagesOf } from "../../api/hooks";
import type { QuotaStatus, Usage, UsageRow } from "../../api/types";
import { amount, count, exact, percent, toNumber, withUnit } from "../../lib/number";
import { perPeriod } from "../../lib/quota";
import { clockSeconds, day, moment, momentSeconds, span as spanText } from "../../lib/time";
import { ErrorState, Loading } from "../../ui/parts";
import { Lines, Step, type ExplainProps } from "./explain";
import { overrideText } from "./overrides";

const bucketsShown = 7;
const firstPage = 10;

const part = (x: Explanation, kind: Explanation["steps"][number]["kind"]) => x.steps.find((s) => s.kind === kind);

export function ExplainNumberSteps({ tenant, span, zone, go }: ExplainProps & { span: { meter: string; from: number; to: number } }) {
  const q = usePagesOf<Explanation>(
    (cursor) => explainPath(tenant.id, span, { zone, limit: firstPage, cursor }),
    (x) => part(x, "events")?.events?.next_cursor ?? null,
  );
  const x = q.data?.pages[0];
  if (!x) return q.error ? <ErrorState error={q.error} retry={() => void q.refetch()} /> : <Loading height={320} />;
  const [query, buckets, events, rules] = [part(x, "query")?.query, part(x, "buckets")?.buckets ?? [], part(x, "events")?.events, part(x, "rules")?.rules];
  const list = q.data!.pages.flatMap((p) => part(p, "events")?.events?.data ?? []);
  let n = 0;
  return (
    <>
      <ol className="steps">
        {query && (
          <Step n={++n} title="Question">
            <Question query={query} zone={zone} asOf={x.as_of.time} index={x.as_of.index} />
          </Step>
        )}
        <Step n={++n} title={buckets.length === 1 ? "One part" : "In " + exact(buckets.length) + " parts"}>
          <Buckets rows={buckets} meter={span.meter} unit={query?.unit} zone={zone} go={go} />
        </Step>
        {events && (
          <Step n={++n} title="Events behind it">
            <Lines>{countLines(events.counts)}</Lines>
            <EventList events={list} tenant={tenant.id} zone={zone} />
            {q.hasNextPage && (
              <button type="button" className="btn small" disabled={q.isFetchingNextPage} onClick={() => void q.fetchNextPage()}>
                More events
              </button>
            )}
          </Step>
        )}
        {rules && (
          <Step n={++n} title="Limit in force">
            <Rules rules={rules} unit={query?.unit} />
          </Step>
        )}
      </ol>
      {query && <Verdict query={query} quota={rules?.quotas.find((r) => r.period !== "rate" && r.limit !== null && r.scope === "tenant")} />}
    </>
  );
}

const total = (query: Usage) => query.data[0]?.value ?? null;

function Question({ query: u, zone, asOf, index }: { query: Usage; zone: string; asOf: string | null; index: number }) {
  return (
    <Lines>
      {[
        `${u.meter} (${u.aggregation}), ${spanText(u.from, u.to, zone)}`,
        total(u) === null ? "no value" : "= " + withUnit(total(u), u.unit),
        asOf && `as of ${clockSeconds(asOf, zone)}, log ${exact(index)}`,
      ]}
    </Lines>
  );
}

// Buckets are the newest parts of the number; each can be explained by itself, down to the hour.
function Buckets({ rows, meter, unit, zone, go }: { rows: UsageRow[]; meter: string; unit?: string; zone: string; go: (x: Explained) => void }) {
  const [all, setAll] = useState(false);
  const newest = [...rows].reverse();
  const shown = all ? newest : newest.slice(0, bucketsShown);
  const most = Math.max(...rows.map((r) => Math.abs(toNumber(r.value))), 0);
  if (rows.length === 0) return <p className="sub">Nothing lies in this range.</p>;
  return (
    <>
      <ul className="parts">
        {shown.map((r) => {
          const [from, to] = [Date.parse(r.window_start), Date.parse(r.window_end)];
          const hours = to - from < 23 * 3_600_000;
          const label = hours ? moment(from, zone) : day(from, zone);
          return (
            <li key={r.window_start}>
              {rows.length > 1 ? (
                <button type="button" className="textual link" aria-label={"Explain " + label} onClick={() => go({ meter, from, to })}>
                  {label}
                </button>
              ) : (
                label
              )}
              <span className="lead" aria-hidden="true">
                <i style={{ width: most > 0 ? (100 * Math.abs(toNumber(r.value))) / most + "%" : 0 }} />
              </span>
              <span title={withUnit(r.value, unit)}>
                {exact(r.value)}
                {r.partial && <span className="sub"> so far</span>}
              </span>
            </li>
          );
        })}
      </ul>
      {rows.length > bucketsShown && !all && (
        <button type="button" className="btn small" onClick={() => setAll(true)}>
          All {exact(rows.length)}
        </button>
      )}
    </>
  );
}

// countLines says what the log has, what counted first; what there is none of is left out.
export function countLines(c: ExplainCounts): string[] {
  const and = (n: number, text: string) => (n > 0 ? exact(n) + " " + text : "");
  return [
    count(c.counted, "event") + " counted" + (c.late > 0 ? ", " + exact(c.late) + " of them late" : ""),
    and(c.adjustments, c.adjustments === 1 ? "adjustment" : "adjustments"),
    and(c.bookings, c.bookings === 1 ? "booking of a reservation or lease" : "bookings of reservations and leases"),
    and(c.duplicate, c.duplicate === 1 ? "duplicate left out" : "duplicates left out"),
    and(c.voided, "voided"),
    and(c.conflict, "in conflict with a known id"),
    and(c.rejected, "refused"),
    and(c.denied, "denied by a quota"),
  ].filter(Boolean);
}

const statusWords: Record<string, string> = { counted: "counted", voided: "voided", duplicate: "duplicate", conflict: "conflict", rejected: "refused", denied: "denied" };

// listed are the kinds that GET /v1/events/{id} answers.
const listed = ["event", "consume", "reservation", "lease", "adjustment", "reset"];

function EventList({ events, tenant, zone }: { events: ExplainEvent[]; tenant: string; zone: string }) {
  if (events.length === 0) return null;
  return (
    <ul className="evidence">
      {events.map((e) => {
        const there = listed.includes(e.kind) && (e.status === "counted" || e.status === "voided");
        return (
          <li key={e.index + "." + e.position}>
            <span className="row apart">
              {there ? (
                <Link to="/events" search={{ tenant, event: [tenant, e.source ?? "", e.id].join("\n") }} className="link mono cut">
                  {e.id}
                </Link>
              ) : (
                <span className="mono cut">{e.id}</span>
              )}
              <span className="num">{e.value !== undefined && (e.status === "counted" ? exact(e.value) : <s>{exact(e.value)}</s>)}</span>
            </span>
            <span className="sub num any">
              {momentSeconds(e.timestamp, zone)} · {e.kind === "event" ? "" : e.kind + ", "}
              {statusWords[e.status]}
              {e.late && ", came " + moment(e.received_at, zone)}
              {e.reason && ": " + e.reason}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

export function Rules({ rules, unit }: { rules: ExplainRules; unit?: string }) {
  return (
    <Lines>
      {[
        rules.plan ? `${rules.plan} v${rules.plan_version}` : "no plan",
        ...rules.quotas.map((q) => quotaLine(q, unit)),
        ...rules.overrides.map((o) => `override ${o.quota}: ${overrideText(o)}`),
        rules.quotas.length > 0 && rules.overrides.length === 0 && "no override",
        rules.quotas.length === 0 && "no quota on this meter",
      ]}
    </Lines>
  );
}

export function quotaLine(q: QuotaStatus, unit?: string): string {
  const limit = q.limit === null ? "no limit" : amount(q.limit, unit);
  const more = [q.mode !== "enforce" && q.mode, q.scope === "user" && "per user"].filter(Boolean).join(", ");
  return `${q.quota} ${limit} ${q.period === "rate" ? "at once" : perPeriod(q.period)}${more ? " (" + more + ")" : ""}`;
}

function Verdict({ query, quota }: { query: Usage; quota?: QuotaStatus }) {
  const value = withUnit(total(query) ?? 0, query.unit);
  if (!quota || quota.period_start !== query.from) return <div className="verdict num">{value}</div>;
  return (
    <div className={"verdict num " + (quota.exceeded ? "over" : "")}>
      {value} · {quota.exceeded ? "over by " + amount(quota.overage_used, query.unit) : percent(toNumber(quota.used), toNumber(quota.limit)) + " of " + amount(quota.limit, query.unit)}
    </div>
  );
}
