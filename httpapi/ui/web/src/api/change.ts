// A change: ask once, keep the error for the form, and ask again for what it touched.

import { useState } from "react";
import { ApiError, ask, type Ask } from "./client";
import { changed } from "./hooks";

export interface Change {
  busy: boolean;
  error: ApiError | null;
  run: <T>(to: string, opts: Ask, touches?: string[]) => Promise<T | undefined>; // undefined: it failed, and error says why
  clear: () => void;
}

export function useChange(): Change {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  return {
    busy,
    error,
    clear: () => setError(null),
    async run<T>(to: string, opts: Ask, touches: string[] = ["v1/"]) {
      setBusy(true);
      setError(null);
      try {
        const { body } = await ask<T>(to, opts);
        void changed(...touches);
        return body ?? ({} as T);
      } catch (e) {
        if (!(e instanceof ApiError)) throw e;
        setError(e);
        return undefined;
      } finally {
        setBusy(false);
      }
    },
  };
}
