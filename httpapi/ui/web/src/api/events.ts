// Events as GET /v1/events lists them.

import type { Num } from "../lib/number";

export interface EventRow {
  id: string;
  tenant_id: string;
  user_id?: string;
  source?: string;
  feature_type: string;
  quantity?: Num;
  timestamp: string;
  metadata?: unknown;
  status?: string;
  voided?: boolean | unknown;
  [more: string]: unknown;
}

export const eventKey = (e: EventRow) => [e.tenant_id, e.source ?? "", e.id].join("\n");

export const isVoided = (e: EventRow): boolean => e.status === "voided" || !!e.voided;
