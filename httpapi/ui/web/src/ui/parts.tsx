// Small parts: choice of one, tags, copying, and what a page shows while it has nothing to show.

import { useEffect, useId, useState, type ReactNode } from "react";
import type { ApiError } from "../api/client";
import { capital } from "../lib/number";
import type { Tone } from "../lib/quota";

export function Segmented<T extends string>({ label, value, options, onChange }: { label: string; value: T; options: readonly { value: T; label: string; disabled?: boolean }[]; onChange: (v: T) => void }) {
  const name = useId();
  return (
    <div className="seg" role="radiogroup" aria-label={label}>
      {options.map((o) => (
        <label key={o.value}>
          <input type="radio" name={name} value={o.value} checked={o.value === value} disabled={o.disabled} onChange={() => onChange(o.value)} />
          {o.label}
        </label>
      ))}
    </div>
  );
}

export function Tag({ tone, children }: { tone?: Tone; children: ReactNode }) {
  return <span className={"tag num " + (tone === "flat" ? "" : (tone ?? ""))}>{children}</span>;
}

export function Card({ title, side, children, label }: { title?: ReactNode; side?: ReactNode; children: ReactNode; label?: string }) {
  const id = useId();
  return (
    <section className="card" aria-labelledby={title ? id : undefined} aria-label={label}>
      {(title || side) && (
        <header>
          {title && <h2 id={id}>{title}</h2>}
          {side && <div className="row tight wrap">{side}</div>}
        </header>
      )}
      {children}
    </section>
  );
}

export function CopyButton({ text, children, small = true }: { text: () => string; children: ReactNode; small?: boolean }) {
  const [done, setDone] = useState("");
  useEffect(() => {
    if (!done) return;
    const t = setTimeout(() => setDone(""), 1500);
    return () => clearTimeout(t);
  }, [done]);
  return (
    <button type="button" className={"btn" + (small ? " small" : "")} onClick={(e) => void copy(text(), e.currentTarget).then((ok) => setDone(ok ? "Copied" : "Not allowed here"))}>
      <span aria-live="polite">{done || children}</span>
    </button>
  );
}

// copy puts a text on the clipboard. Where the page came without TLS the browser has no clipboard to write to, and takes what is selected:
// in a field beside the button, for a dialog makes everything outside it inert.
async function copy(text: string, button: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "hidden";
    button.after(field);
    field.select();
    const ok = document.execCommand("copy");
    field.remove();
    button.focus();
    return ok;
  }
}

// ErrorState says what went wrong, under which request id the log has it, and what to do.
export function ErrorState({ error, retry, title }: { error: ApiError; retry?: () => void; title?: string }) {
  const p = error.problem;
  return (
    <div className="state" role="alert">
      <p className="strong">{title ?? p.title}</p>
      {p.detail && <p className="any">{capital(p.detail)}</p>}
      {p.status === 403 && <p>Ask for a key with more scopes, or sign in with another one.</p>}
      <div className="row tight wrap">
        {retry && p.status !== 403 && p.status !== 404 && (
          <button type="button" className="btn small" onClick={retry}>
            Try again
          </button>
        )}
        <span className="sub">
          {p.status > 0 && p.status + " "}
          {p.code}
          {p.request_id && (
            <>
              {" · request "}
              <code>{p.request_id}</code>
            </>
          )}
        </span>
      </div>
    </div>
  );
}

// Loading has the shape of what will come: lines of a list, or the plane of a chart.
export function Loading({ height = 120, plane = false }: { height?: number; plane?: boolean }) {
  return (
    <div className="pad" aria-busy="true">
      <span className="hidden">Loading</span>
      <div className={"skeleton" + (plane ? "" : " lines")} style={{ height }} />
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="state">
      <p className="strong">{title}</p>
      {children}
    </div>
  );
}

interface QueryLike<T> {
  data: T | undefined;
  error: ApiError | null;
  refetch: () => unknown;
}

// Loaded shows one query's data, its loading or its error; with data that has become stale it keeps the data and says so.
export function Loaded<T>({ query, height, plane, children }: { query: QueryLike<T>; height?: number; plane?: boolean; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) {
    return (
      <>
        {query.error && <Stale error={query.error} retry={() => void query.refetch()} />}
        {children(query.data)}
      </>
    );
  }
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  return <Loading height={height} plane={plane} />;
}

export function Stale({ error, retry }: { error: ApiError; retry: () => void }) {
  return (
    <p className="pad sub warn" role="status">
      Not the newest: {error.problem.title.toLowerCase()}.{" "}
      <button type="button" className="btn small" onClick={retry}>
        Try again
      </button>
    </p>
  );
}
