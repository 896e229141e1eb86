// Dialogs are the browser's own <dialog>: it keeps the focus inside, closes with Escape, makes the rest inert and gives the focus back.

import { cloneElement, useEffect, useId, useRef, type FormEvent, type ReactElement, type ReactNode } from "react";
import type { ApiError } from "../api/client";
import { capital } from "../lib/number";

export function Dialog({ title, onClose, children, kind = "", onSubmit, footer }: { title: ReactNode; onClose: () => void; children: ReactNode; kind?: "" | "wide" | "side"; onSubmit?: () => void; footer?: ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const d = ref.current!;
    const last = document.activeElement as HTMLElement | null;
    if (!d.open) d.showModal();
    // The first field, or the dialog itself: a ring around the button that closes it would be the loudest thing in it.
    (d.querySelector<HTMLElement>("input:not([type=checkbox], :disabled), select:not(:disabled), textarea") ?? d).focus();
    return () => {
      d.close();
      last?.focus?.();
    };
  }, []);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    onSubmit?.();
  };
  const inside = (
    <>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" className="btn small bare" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </header>
      {children}
      {footer && <footer>{footer}</footer>}
    </>
  );
  return (
    <dialog
      ref={ref}
      className={kind}
      tabIndex={-1}
      aria-labelledby={id}
      onCancel={(e) => {
        e.preventDefault();
        onClose();
      }}
      onMouseDown={(e) => e.target === e.currentTarget && onClose()}
    >
      {onSubmit ? <form onSubmit={submit}>{inside}</form> : inside}
    </dialog>
  );
}

// Confirm asks before something is destroyed. With word, the person types it.
export function Confirm({ title, action, busy, error, onConfirm, onClose, children }: { title: string; action: string; busy: boolean; error: ApiError | null; onConfirm: () => void; onClose: () => void; children: ReactNode }) {
  return (
    <Dialog
      title={title}
      onClose={onClose}
      onSubmit={onConfirm}
      footer={
        <>
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="btn danger" disabled={busy}>
            {action}
          </button>
        </>
      }
    >
      <div className="body">
        {children}
        <FormError error={error} />
      </div>
    </Dialog>
  );
}

const sentence = (text: string) => capital(text) + (/[.!?]$/.test(text) ? "" : ".");

export function FormError({ error }: { error: ApiError | null }) {
  if (!error) return null;
  const p = error.problem;
  return (
    <div className="banner" role="alert">
      <span className="any">
        {p.status === 412 && p.detail ? "" : p.title + ". "}
        {p.detail && sentence(p.detail)} {p.request_id && <span className="sub over">request {p.request_id}</span>}
      </span>
    </div>
  );
}

// ChangedMeanwhile is what a form says when somebody else has changed what it is of: nothing was saved, and what is new can be taken in.
export function ChangedMeanwhile({ what, note = "What you changed stays.", onLoad }: { what: string; note?: string; onLoad: () => void }) {
  return (
    <div className="banner" role="alert">
      <span>
        Somebody else has changed {what} in the meantime, so nothing was saved. {note}
      </span>
      <button type="button" className="btn small" onClick={onLoad}>
        Take in what is new
      </button>
    </div>
  );
}

// Field is one labelled control. The hint, or what is wrong, describes the control and is no part of its name.
export function Field({ label, hint, error, wide, children }: { label: string; hint?: ReactNode; error?: string; wide?: boolean; children: ReactElement<{ id?: string; "aria-describedby"?: string; "aria-invalid"?: boolean }> }) {
  const id = useId();
  const note = error ?? hint;
  return (
    <div className={"field" + (wide ? " wide" : "")}>
      <label htmlFor={id}>{label}</label>
      {cloneElement(children, { id, ...(note ? { "aria-describedby": id + "-note" } : {}), ...(error ? { "aria-invalid": true } : {}) })}
      {note && (
        <small id={id + "-note"} className={"hint" + (error ? " bad any" : "")}>
          {note}
        </small>
      )}
    </div>
  );
}
