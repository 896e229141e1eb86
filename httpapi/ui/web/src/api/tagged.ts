// What is read to be changed and sent back, with the version that it has: a change that somebody else made in between is not undone.

import { useEffect, useState } from "react";
import { ApiError, ask } from "./client";

export interface Tagged<T> {
  data: T | undefined;
  text: string; // data as it came
  error: ApiError | null;
  headers: Record<string, string>; // of the change: only while it is as it was read
  refetch: () => void;
}

// useTagged reads once, and again when it is told to: a form does not change under the hands of who fills it in.
export function useTagged<T>(to: string | null): Tagged<T> {
  const [answer, setAnswer] = useState<{ body?: T; text?: string; etag?: string | null; error?: ApiError }>({});
  const [times, setTimes] = useState(0);
  useEffect(() => {
    if (to === null) return;
    const abort = new AbortController();
    ask<T>(to, { signal: abort.signal }).then(
      (a) => setAnswer(a),
      (error) => error instanceof ApiError && setAnswer((old) => ({ ...old, error })),
    );
    return () => abort.abort();
  }, [to, times]);
  return { data: answer.body, text: answer.text ?? "", error: answer.error ?? null, headers: answer.etag ? { "If-Match": answer.etag } : {}, refetch: () => setTimes((n) => n + 1) };
}
