// The view is the part of the address that all pages share: range, zone, comparison.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { ranges, type RangeName } from "../lib/range";
import { localZone, validZone } from "../lib/time";

export interface ViewSearch {
  range?: RangeName;
  zone?: string; // "utc", "local" or a name of the tz database
  compare?: "previous";
}

export function viewSearch(raw: Record<string, unknown>): ViewSearch {
  const out: ViewSearch = {};
  const range = String(raw.range ?? "") as RangeName;
  if (ranges.includes(range)) out.range = range;
  const zone = String(raw.zone ?? "");
  if (zone === "utc" || zone === "local" || validZone(zone)) out.zone = zone;
  if (raw.compare === "previous") out.compare = "previous";
  return out;
}

// useNow ticks, so that "as of" moves on while nothing else happens.
export function useNow(every = 10_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const t = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(t);
  }, [every]);
  return now;
}

export interface View {
  range: RangeName;
  zone: string; // of the tz database
  compare: boolean;
  now: number;
}

// useView reads the view; a page gives its own defaults.
export function useView(defaults: { range?: RangeName; zone?: string } = {}): View {
  const s = useSearch({ strict: false }) as ViewSearch;
  const now = useNow();
  const zone = s.zone === "utc" ? "UTC" : s.zone === "local" ? localZone() : (s.zone ?? defaults.zone ?? "UTC");
  return { range: s.range ?? defaults.range ?? "3d", zone, compare: s.compare === "previous", now };
}

// useSetSearch changes parts of the address; undefined takes a part out. Filters replace the entry, so that Back leaves the page.
export function useSetSearch(): (change: Record<string, string | undefined>, replace?: boolean) => void {
  const navigate = useNavigate();
  return (change, replace = true) =>
    void navigate({ to: ".", search: ((old: Record<string, unknown>) => ({ ...old, ...change })) as never, replace });
}

export function useParams1(): Record<string, string | undefined> {
  return useSearch({ strict: false }) as Record<string, string | undefined>;
}
