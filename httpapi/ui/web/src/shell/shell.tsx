// The frame of all pages of the dashboard: navigation, the bar with search, range, zone and live, and the sign-in in front of it.

import { Link, Outlet, useMatches, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { auth } from "../api/client";
import { useGet } from "../api/hooks";
import { live } from "../api/live";
import { countOf, latency, quantile } from "../lib/histogram";
import type { Crossing, Histogram, List, System } from "../api/types";
import { Login } from "./login";
import { Logo, nav } from "./nav";
import { Palette } from "./palette";
import { RangeBar } from "./rangebar";
import { Help, useShortcuts } from "./shortcuts";
import { setTheme, store, stored, theme, type Theme } from "./theme";

export function Shell() {
  const session = useSyncExternalStore(auth.watch, auth.session);
  const [menu, setMenu] = useState(false);
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const path = useRouterState({ select: (s) => s.location.pathname });
  useShortcuts({ palette: () => setPalette(true), help: () => setHelp(true) });
  useTitleAndFocus(path);
  useEffect(() => setMenu(false), [path]);
  useEffect(() => {
    if (session !== "open") return;
    live.start();
    return live.stop;
  }, [session]);
  if (session !== "open") return <Login expired={session === "expired"} />;
  return (
    <div className="app">
      <a className="btn skip" href="#main" onClick={(e) => (e.preventDefault(), document.querySelector("main")?.focus())}>
        Skip to the page
      </a>
      <nav className={"rail" + (menu ? " open" : "")} aria-label="Pages">
        <div className="row apart">
          <Link to="/" className="brand">
            <Logo />
            weir
          </Link>
          {menu && (
            <button type="button" className="btn bare" aria-label="Close the menu" onClick={() => setMenu(false)}>
              ✕
            </button>
          )}
        </div>
        {nav.map((n) => (
          <Link key={n.to} to={n.to} className="item" activeOptions={{ exact: n.to === "/", includeSearch: false }}>
            {n.label}
            {n.to === "/alerts" && <Unseen here={path.startsWith("/alerts")} />}
          </Link>
        ))}
        <Foot />
      </nav>
      <main id="main" tabIndex={-1}>
        <div className="bar">
          <button type="button" className="btn menu" aria-label="Menu" onClick={() => setMenu(true)}>
            ☰
          </button>
          <button type="button" className="search" onClick={() => setPalette(true)}>
            <span className="cut">Search tenants, meters, actions</span>
            <kbd className="narrow-hide">Ctrl K</kbd>
          </button>
          <RangeBar />
        </div>
        <Outlet />
      </main>
      {palette && <Palette onClose={() => setPalette(false)} onHelp={() => setHelp(true)} />}
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  );
}

// A new page puts its name into the title and the focus at its top, as a page that was loaded would.
function useTitleAndFocus(path: string) {
  const first = useRef(true);
  const matches = useMatches();
  const id = (matches[matches.length - 1]?.params as { id?: string } | undefined)?.id;
  useEffect(() => {
    const name = nav.find((n) => (n.to === "/" ? path === "/" : path.startsWith(n.to)))?.label ?? "Not found";
    document.title = (id ? id + " · " : "") + name + " · weir";
    if (!first.current) document.querySelector("main")?.focus({ preventScroll: true });
    first.current = false;
  }, [path, id]);
}

const seenKey = "weir-alerts-seen";

// Unseen counts the limits that were reached since the page of alerts was last looked at here.
function Unseen({ here }: { here: boolean }) {
  const list = useGet<List<Crossing>>("v1/crossings?order=newest&limit=50");
  const [seen, setSeen] = useState(() => Number(stored(seenKey) ?? 0));
  const newest = list.data?.data[0]?.number ?? 0;
  useEffect(() => {
    if (!here || newest === 0 || newest === seen) return;
    store(seenKey, String(newest));
    setSeen(newest);
  }, [here, newest, seen]);
  // Numbers that lie behind what was seen are of another store at the same address.
  const n = list.data?.data.filter((c) => c.threshold >= 100 && (c.number > seen || newest < seen)).length ?? 0;
  if (n === 0 || here) return null;
  return (
    <span className="count num">
      {n}
      <span className="hidden"> {n === 1 ? "limit" : "limits"} reached</span>
    </span>
  );
}

function Foot() {
  const ready = useGet<{ status: string; checks: { name: string; ok: boolean; detail?: string }[] }>("readyz", { every: 10_000 });
  const system = useGet<System>("v1/system");
  const fsync = system.data?.stats.fsync_time as Histogram | undefined;
  const bad = ready.data?.checks.filter((c) => !c.ok) ?? [];
  const [chosen, choose] = useState<Theme>(theme);
  const healthy = ready.data?.status === "ready" && !ready.error;
  return (
    <div className="foot">
      <Link to="/system" className="row tight" title={system.data && "weir " + system.data.version.version + ", half of its writes are on disk within this time"}>
        <span className={"dot" + (healthy ? "" : ready.data || ready.error ? " bad" : " off")} />
        <span className="cut">{healthy ? "Healthy" : bad.length ? bad.map((c) => c.name).join(", ") : ready.error ? "Not answering" : "…"}</span>
        {fsync && countOf(fsync) > 0 && <span className="cut num">· fsync {latency(quantile(fsync, 0.5))}</span>}
      </Link>
      <label className="row tight">
        <span className="hidden">Theme</span>
        <select
          className="input small"
          value={chosen}
          onChange={(e) => {
            const t = e.target.value as Theme;
            setTheme(t);
            choose(t);
          }}
        >
          <option value="system">System theme</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
      </label>
      {auth.key() && (
        <button type="button" className="btn small" onClick={auth.forget}>
          Sign out
        </button>
      )}
    </div>
  );
}
