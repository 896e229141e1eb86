// What to list of the events. The API lists by tenant, feature and time, and finds one by its id; what else a person filters by is
// picked out of its list.

import { path, withQuery } from "./address";
import type { EventRow } from "./events";
import type { Meter } from "./types";

export interface EventFilter {
  tenant?: string;
  feature?: string;
  meter?: string; // that counted it
  user?: string;
  id?: string;
  source?: string; // beside an id
}

// listPath asks for all that the API can tell apart. A meter is of one type of event, unless it is of all.
export function listPath(f: EventFilter, meter: Meter | undefined, from: string, to: string): string {
  const type = meter && meter.event_type !== "*" ? meter.event_type : undefined;
  return withQuery("v1/events", { tenant_id: f.tenant, feature_type: f.feature ?? type, from, to });
}

// keeps tells whether an event passes what the API does not filter by.
export const keeps = (f: EventFilter, e: EventRow): boolean =>
  (!f.user || e.user_id === f.user) && (!f.id || e.id === f.id) && (!f.source || (e.source ?? "") === f.source) && (!f.meter || e.meters.includes(f.meter));

// picks tells whether keeps has anything to leave out.
export const picks = (f: EventFilter): boolean => !!(f.user || f.id || f.source || f.meter);

// idPath finds an event by its whole name, of whatever time it is. "." and ".." are no ids, and would be steps in an address.
export const idPath = (f: EventFilter): string | null => (f.id && f.tenant && !/^\.\.?$/.test(f.id) ? withQuery(path`v1/events/${f.id}`, { tenant_id: f.tenant, source: f.source }) : null);
