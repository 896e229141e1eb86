// Events as GET /v1/events lists them.

import type { Num } from "../lib/number";

export interface EventRow {
  id: string;
  tenant_id: string;
  user_id?: string;
  source?: string;
  feature_type?: string; // a consume of several features has items instead
  quantity?: Num;
  items?: { feature_type: string; quantity?: Num; op?: string; metadata?: unknown }[];
  op?: string;
  timestamp: string;
  metadata?: unknown;
  kind: "event" | "consume" | "reservation" | "lease" | "adjustment" | "reset";
  index: number;
  received_at: string;
  status: "counted" | "voided";
  meters: string[];
  voided?: { index: number; time: string; reason: string };
}

export const eventKey = (e: EventRow) => [e.tenant_id, e.source ?? "", e.id].join("\n");

// featuresOf names what an event is of.
export const featuresOf = (e: EventRow): string => e.feature_type ?? e.items?.map((i) => i.feature_type).join(", ") ?? e.kind;

export const isVoided = (e: EventRow): boolean => e.status === "voided";

// isLate is the engine's own bound: received more than five minutes after it happened.
export const isLate = (e: EventRow): boolean => Date.parse(e.received_at) - Date.parse(e.timestamp) > 5 * 60_000;
