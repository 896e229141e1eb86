// Why an event counted, or not: what each meter of its type makes of it.

import { useQuery } from "@tanstack/react-query";
import { ApiError, ask, path } from "../api/client";
import { isVoided, type EventRow } from "../api/events";
import type { Meter } from "../api/types";
import { useAll } from "../api/hooks";
import { withUnit, type Num } from "../lib/number";
import { Tag } from "../ui/parts";

interface MeterTrial {
  meter: string;
  counted: boolean;
  reason: string | null;
  detail: string | null;
  value: Num | null;
  unit: string;
  member: string | null;
}

const reasons: Record<string, string> = { filter: "its filters leave the event out", event_type: "it counts another event type", no_value: "the event has no value for it" };

export function WhyCounted({ event: e }: { event: EventRow; zone: string }) {
  const meters = useAll<Meter>("v1/meters");
  // A trial asks what today's meters make of the event; whether one counted it is what the log says.
  const meter = meters.data?.find((m) => m.event_type === e.feature_type) ?? meters.data?.find((m) => m.slug === e.meters[0]);
  const trial = useQuery<MeterTrial[], ApiError>({
    queryKey: ["trial", e.tenant_id, e.source, e.id, meter?.slug],
    enabled: !!meter && !!e.feature_type && (e.kind === "event" || e.kind === "consume"),
    retry: false,
    queryFn: async ({ signal }) => {
      const event = { tenant_id: e.tenant_id, feature_type: e.feature_type, user_id: e.user_id, quantity: e.quantity, op: e.op, metadata: e.metadata };
      return (await ask<{ meters: MeterTrial[] }>(path`v1/meters/${meter!.slug}/test`, { method: "POST", body: { event }, signal })).body.meters;
    },
  });
  const known = new Set(e.meters);
  const others = (trial.data ?? []).filter((t) => !known.has(t.meter));
  const of = (slug: string) => trial.data?.find((t) => t.meter === slug);
  return (
    <section aria-label="Why it counted">
      <div role="status">
        {isVoided(e) ? (
          <Tag tone="warn">voided: taken out of all totals</Tag>
        ) : e.meters.length === 0 ? (
          <Tag>kept, and counted in no meter</Tag>
        ) : (
          <Tag tone="ok">counted</Tag>
        )}
      </div>
      <ul className="evidence">
        {e.meters.map((slug) => {
          const t = of(slug);
          return (
            <li key={slug}>
              {slug}
              <span className="sub">
                {isVoided(e) ? "counted until it was voided" : t?.counted && t.value !== null ? "counts " + (t.member ? t.member + " once" : withUnit(t.value, t.unit)) : "counts it"}
              </span>
            </li>
          );
        })}
        {others.map((t) => (
          <li key={t.meter}>
            {t.meter}
            <span className="sub any">{t.counted ? "did not exist when the event came" : "does not count it: " + (t.detail ?? reasons[t.reason ?? ""] ?? t.reason)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
