// Search over pages, tenants, meters, plans and actions: a combobox with a list, as the ARIA practices describe it.

import { useNavigate } from "@tanstack/react-router";
import { useDeferredValue, useEffect, useId, useRef, useState } from "react";
import { withQuery } from "../api/client";
import { useAll, useGet } from "../api/hooks";
import { live } from "../api/live";
import type { List, Meter, Plan, Tenant } from "../api/types";
import { nav } from "./nav";
import { setTheme } from "./theme";

interface Entry {
  id: string;
  kind: string;
  label: string;
  note?: string;
  run: () => void;
}

export function Palette({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const q = text.trim();
  const entries = useEntries(q, useDeferredValue(q), onHelp);
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const last = document.activeElement as HTMLElement | null;
    ref.current!.showModal();
    return () => last?.focus?.();
  }, []);
  const current = Math.min(at, entries.length - 1);
  const choose = (e: Entry | undefined) => {
    if (!e) return;
    onClose();
    e.run();
  };
  return (
    <dialog ref={ref} className="palette" aria-label="Search" onCancel={(e) => (e.preventDefault(), onClose())} onMouseDown={(e) => e.target === e.currentTarget && onClose()}>
      <input
        className="input"
        role="combobox"
        aria-expanded="true"
        aria-controls={id}
        aria-label="Search tenants, meters, actions"
        aria-activedescendant={entries[current] ? id + current : undefined}
        placeholder="Search tenants, meters, actions"
        autoFocus
        spellCheck={false}
        value={text}
        onChange={(e) => {
          setText(e.target.value);
          setAt(0);
        }}
        onKeyDown={(e) => {
          const move = { ArrowDown: 1, ArrowUp: -1 }[e.key];
          if (move) {
            e.preventDefault();
            setAt((current + move + entries.length) % entries.length);
          } else if (e.key === "Enter") {
            e.preventDefault();
            choose(entries[current]);
          }
        }}
      />
      <div role="listbox" id={id} aria-label="Results" tabIndex={-1}>
        {entries.map((e, i) => (
          <div key={e.id} id={id + i} role="option" aria-selected={i === current} onMouseMove={() => setAt(i)} onClick={() => choose(e)}>
            <span className="cut">
              {e.label} {e.note && <span className="sub">{e.note}</span>}
            </span>
            {e.kind.startsWith("g ") ? <kbd>{e.kind}</kbd> : <span className="sub">{e.kind}</span>}
          </div>
        ))}
      </div>
      {entries.length === 0 && <p className="pad sub">Nothing is named like that.</p>}
    </dialog>
  );
}

// useEntries filters by what is typed now, also what an answer to fewer letters brought: Enter never takes what the eye does not see.
function useEntries(q: string, asked: string, onHelp: () => void): Entry[] {
  const navigate = useNavigate();
  const go = (to: string, params?: object, search?: object) => () => void navigate({ to, params, search: (search ?? {}) as never } as never);
  const tenants = useGet<List<Tenant>>(withQuery("v1/tenants", { q: asked, limit: 6 }));
  const meters = useAll<Meter>("v1/meters");
  const plans = useAll<Plan>("v1/plans");
  const has = (...texts: (string | undefined)[]) => texts.some((t) => t?.toLowerCase().includes(q.toLowerCase()));
  const fixed: Entry[] = [
    ...nav.map((n) => ({ id: n.to, kind: "g " + n.key, label: n.label, run: go(n.to) })),
    { id: "new-meter", kind: "action", label: "Create a meter", run: go("/meters", {}, { new: "1" }) },
    { id: "new-plan", kind: "action", label: "Create a plan", run: go("/plans", {}, { edit: "new" }) },
    { id: "near", kind: "action", label: "Tenants near or over a limit", run: go("/tenants", {}, { near: "1" }) },
    { id: "pause", kind: "action", label: live.state() === "paused" ? "Resume live updates" : "Pause live updates", run: () => (live.state() === "paused" ? live.resume() : live.pause()) },
    { id: "light", kind: "action", label: "Light theme", run: () => setTheme("light") },
    { id: "dark", kind: "action", label: "Dark theme", run: () => setTheme("dark") },
    { id: "system", kind: "action", label: "Theme of the system", run: () => setTheme("system") },
    { id: "keys", kind: "action", label: "Keyboard shortcuts", run: onHelp },
  ];
  const found: Entry[] = [
    ...(tenants.data?.data ?? []).filter((t) => has(t.id, t.name)).map((t) => ({ id: "t/" + t.id, kind: "tenant", label: t.name || t.id, note: t.name !== t.id ? t.id : undefined, run: go("/tenants/$id", { id: t.id }) })),
    ...(meters.data ?? []).filter((m) => has(m.slug, m.name)).slice(0, 5).map((m) => ({ id: "m/" + m.slug, kind: "meter", label: m.name || m.slug, note: m.slug, run: go("/meters", {}, { meter: m.slug }) })),
    ...(plans.data ?? []).filter((p) => has(p.slug, p.name)).slice(0, 5).map((p) => ({ id: "p/" + p.slug, kind: "plan", label: p.name || p.slug, note: p.slug, run: go("/plans", {}, { plan: p.slug }) })),
  ];
  return q === "" ? [...fixed, ...found.slice(0, 4)] : [...found, ...fixed.filter((e) => has(e.label))];
}
