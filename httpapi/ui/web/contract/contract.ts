// What the API answers can be read as what the pages take it for. Nothing here runs: tsc says where the two have come apart. api.ts is
// made from the OpenAPI document of the binary (make ui-check), types.ts is written by hand.

import type * as API from "./api";
import type { EventRow } from "../src/api/events";
import type { Explanation } from "../src/api/explanation";
import type * as UI from "../src/api/types";

const reads = <To>() => <From extends To>(_: From) => undefined;
declare function answer<T>(): T;

reads<UI.Tenant>()(answer<API.Tenant>());
reads<UI.QuotaStatus>()(answer<API.QuotaStatus>());
reads<UI.Meter>()(answer<API.Meter & { slug: string; event_type: string }>());
reads<UI.MeterStats>()(answer<API.MeterStats>());
reads<UI.ServerSetting>()(answer<API.ServerSetting>());
reads<UI.Plan>()(answer<API.Plan>());
reads<UI.PlanTrial>()(answer<API.PlanTrial>());
reads<UI.Usage>()(answer<API.Rows>());
reads<UI.Crossing>()(answer<API.Crossing>());
reads<UI.DecisionRow>()(answer<API.DecisionEntry>());
reads<UI.AuditRow>()(answer<API.AuditEntry>());
reads<UI.Settings>()(answer<API.Settings>());
reads<UI.System>()(answer<API.System>());
reads<UI.Forecast>()(answer<API.Forecast>());
reads<UI.Recommendations>()(answer<API.Recommendations>());
reads<UI.OverviewBody>()(answer<API.Overview>());
reads<UI.Summary>()(answer<API.TenantSummary>());
reads<EventRow>()(answer<API.EventRecord>());
reads<Explanation>()(answer<API.Explanation>());
