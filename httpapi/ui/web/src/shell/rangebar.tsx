// Range, comparison, zone and live, for the pages that have them.

import { useMatches } from "@tanstack/react-router";
import { useSyncExternalStore } from "react";
import { live, type LiveState } from "../api/live";
import { rangeLabel, ranges, type RangeName } from "../lib/range";
import { localZone } from "../lib/time";
import { Segmented } from "../ui/parts";
import { useParams1, useSetSearch } from "./view";

// What the bar offers on a page, by the page's route.
export interface BarOptions {
  range?: RangeName; // the default; absent: the page has no range
  compare?: boolean;
  zone?: "tenant" | "utc";
}

declare module "@tanstack/react-router" {
  interface StaticDataRouteOption {
    bar?: BarOptions;
  }
}

export function RangeBar() {
  const matches = useMatches();
  const bar = matches[matches.length - 1]?.staticData.bar ?? {};
  const search = useParams1();
  const set = useSetSearch();
  return (
    <div className="tools">
      {bar.range && (
        <Segmented
          label="Range"
          value={(search.range as RangeName | undefined) ?? bar.range}
          options={ranges.filter((r) => r !== "last" || bar.zone === "tenant").map((r) => ({ value: r, label: r === "period" && bar.zone !== "tenant" ? "Month" : rangeLabel[r] }))}
          onChange={(r) => set({ range: r === bar.range ? undefined : r })}
        />
      )}
      {bar.compare && (
        <button type="button" className="btn" aria-pressed={search.compare === "previous"} onClick={() => set({ compare: search.compare ? undefined : "previous" })}>
          vs previous
        </button>
      )}
      {bar.zone && (
        <label>
          <span className="hidden">Time zone</span>
          <select className="input" value={search.zone ?? ""} onChange={(e) => set({ zone: e.target.value || undefined })}>
            <option value="">{bar.zone === "tenant" ? "Tenant's zone" : "UTC"}</option>
            {bar.zone === "tenant" && <option value="utc">UTC</option>}
            <option value="local">Here: {localZone()}</option>
            {search.zone && search.zone !== "utc" && search.zone !== "local" && <option value={search.zone}>{search.zone}</option>}
          </select>
        </label>
      )}
      <LiveButton />
    </div>
  );
}

const words: Record<LiveState, string> = { connecting: "Live", live: "Live", polling: "Every 5 s", paused: "Paused", away: "Reconnecting" };

export function LiveButton() {
  const state = useSyncExternalStore(live.watch, live.state);
  const on = state !== "paused";
  return (
    <button type="button" className="btn" aria-label={on ? "Live updates: pause" : "Live updates: resume"} title={on ? "Pause" : "Resume"} onClick={() => (on ? live.pause() : live.resume())}>
      <span className={"dot" + (state === "live" || state === "polling" ? "" : state === "away" ? " bad" : " off")} />
      {words[state]}
    </button>
  );
}
