// Explain this number: the chain from the question to the answer, each step with its figures and a way deeper. Beside the page where
// there is room for it, over it where there is not.

import { useEffect, useId, useRef, useState, type ReactNode } from "react";
import { curl } from "../../api/client";
import { explainPath, type Explained } from "../../api/explanation";
import type { Meter, Tenant } from "../../api/types";
import { Dialog } from "../../ui/dialog";
import { CopyButton, Empty } from "../../ui/parts";
import { ExplainDecisionSteps } from "./explaindecision";
import { ExplainNumberSteps } from "./explainnumber";

export interface ExplainProps {
  tenant: Tenant;
  what: Explained | null; // null: the address names nothing that can be explained
  meters: Meter[];
  zone: string;
  go: (what: Explained) => void;
  onClose: () => void;
}

export function Explain(p: ExplainProps) {
  const beside = useBeside();
  const title = p.what && "decision" in p.what ? "Why this decision?" : "Where does this number come from?";
  const inside = !p.what ? (
    <Empty title="The address names nothing to explain" />
  ) : "decision" in p.what ? (
    <ExplainDecisionSteps {...p} decision={p.what.decision} />
  ) : (
    <ExplainNumberSteps key={explainPath(p.tenant.id, p.what)} {...p} span={p.what} />
  );
  const foot = p.what && (
    <div className="pad row tight rule topped">
      <CopyButton small={false} text={() => curl(explainPath(p.tenant.id, p.what!))}>
        Copy as curl
      </CopyButton>
    </div>
  );
  if (!beside) {
    return (
      <Dialog kind="side" title={title} onClose={p.onClose}>
        {inside}
        {foot}
      </Dialog>
    );
  }
  return (
    <Aside key={p.what ? explainPath(p.tenant.id, p.what) : ""} title={title} onClose={p.onClose}>
      {inside}
      {foot}
    </Aside>
  );
}

// Aside is a panel in the page. It takes the focus when it opens, Escape closes it, and the focus goes back to what opened it.
function Aside({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const ref = useRef<HTMLElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  const id = useId();
  useEffect(() => {
    const last = document.activeElement as HTMLElement | null;
    ref.current!.focus({ preventScroll: true });
    const onKey = (e: KeyboardEvent) => e.key === "Escape" && !document.querySelector("dialog[open]") && close.current();
    addEventListener("keydown", onKey);
    return () => {
      removeEventListener("keydown", onKey);
      if (ref.current === null || ref.current.contains(document.activeElement) || document.activeElement === document.body) last?.focus?.({ preventScroll: true });
    };
  }, []);
  return (
    <section ref={ref} className="card explain" tabIndex={-1} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" className="btn small bare" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </header>
      {children}
    </section>
  );
}

// useBeside tells whether the page has its second column; styles/shell.css has the same bound.
export function useBeside(): boolean {
  const [query] = useState(() => matchMedia("(min-width: 981px)"));
  const [wide, setWide] = useState(query.matches);
  useEffect(() => {
    const see = () => setWide(query.matches);
    query.addEventListener("change", see);
    return () => query.removeEventListener("change", see);
  }, [query]);
  return wide;
}

// Step is one link of the chain.
export function Step({ n, title, children }: { n: number; title: string; children: ReactNode }) {
  return (
    <li className="step">
      <span className="k num" aria-hidden="true">
        {n}
      </span>
      <div style={{ minWidth: 0 }}>
        <h3>{title}</h3>
        {children}
      </div>
    </li>
  );
}

export function Lines({ children }: { children: ReactNode[] }) {
  return (
    <div className="mono num">
      {children.filter((x) => x !== null && x !== undefined && x !== false && x !== "").map((line, i) => (
        <div key={i}>{line}</div>
      ))}
    </div>
  );
}
