// Sign-in: an API key, held for this tab.

import { useState } from "react";
import { ApiError, ask, auth } from "../api/client";
import { queries } from "../api/hooks";
import { Field, FormError } from "../ui/dialog";
import { Logo } from "./nav";

export function Login({ expired }: { expired: boolean }) {
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const submit = async () => {
    setBusy(true);
    setError(null);
    try {
      await ask("v1/settings", { key: key.trim() });
      auth.use(key.trim());
      await queries.resetQueries();
    } catch (e) {
      if (e instanceof ApiError && e.status === 403) {
        auth.use(key.trim()); // a key with few scopes is a key; the pages say what it may not see
        await queries.resetQueries();
      } else setError(e instanceof ApiError ? e : null);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="center">
      <form
        className="card"
        style={{ width: "min(400px, 100%)" }}
        onSubmit={(e) => {
          e.preventDefault();
          void submit();
        }}
      >
        <div className="pad stack">
          <div className="row tight">
            <Logo />
            <h1>{expired ? "Your session has ended" : "Sign in to weir"}</h1>
          </div>
          {expired && <p className="ink2">The key was revoked or has expired. Where you were is kept: sign in to go on there.</p>}
          <Field label="API key" hint="weir serve prints an admin key at its first start, and writes it to admin.key in its data directory.">
            <input className="input mono" type="password" autoComplete="off" spellCheck={false} autoFocus required placeholder="weir_…" value={key} onChange={(e) => setKey(e.target.value)} />
          </Field>
          <FormError error={error} />
          <div className="row apart">
            <span className="sub">Kept in this tab only.</span>
            <button type="submit" className="btn pri" disabled={busy || key.trim() === ""}>
              Sign in
            </button>
          </div>
        </div>
      </form>
    </main>
  );
}
