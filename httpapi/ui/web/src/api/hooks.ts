// Queries of React over the client. The key of a query is its address, so the same question is asked once and "copy as curl" is the
// question that was asked.

import { keepPreviousData, QueryClient, useInfiniteQuery, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { ApiError, ask } from "./client";
import { useRef } from "react";
import type { List } from "./types";

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 1_000,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: true,
      placeholderData: keepPreviousData,
      // What the client did wrong stays wrong. A server that is away is asked again, for as long as it takes.
      retryDelay: (failures) => 400 * 2 ** failures,
      retry: (failures, error) => error instanceof ApiError && error.status >= 500 && failures < 2,
      refetchInterval: (query) => (query.state.error instanceof ApiError && (query.state.error.status === 0 || query.state.error.status >= 502) ? 2_000 : false),
    },
  },
});

export interface GetOptions {
  every?: number; // ms between refetches
  fresh?: boolean; // do not show the answer to another question while this one is asked
  slow?: boolean; // it walks through history: asked again twice a minute and after a change, not with every event
}

const slowMs = 30_000;
const slowPages = 3;

// useGet asks an address; null asks nothing.
export function useGet<T>(to: string | null, opts: GetOptions = {}): UseQueryResult<T, ApiError> {
  const q = useQuery<T, ApiError>({
    queryKey: opts.slow ? [to, "slow"] : [to],
    enabled: to !== null,
    queryFn: async ({ signal }) => (await ask<T>(to!, { signal })).body,
    ...(opts.slow ? { staleTime: slowMs, refetchInterval: slowMs } : {}),
    ...(opts.every ? { refetchInterval: opts.every } : {}),
    ...(opts.fresh ? { placeholderData: undefined } : {}),
  });
  return useSteady(q, to);
}

// useText asks for an answer as it came, every digit of it.
export function useText(to: string): UseQueryResult<string, ApiError> {
  const q = useQuery<string, ApiError>({ queryKey: [to, "text"], placeholderData: undefined, queryFn: async ({ signal }) => (await ask(to, { signal })).text });
  return useSteady(q, to);
}

// useSteady keeps the error of a question that was never answered while it is asked again: a page that goes back to its shimmer every two
// seconds says nothing about what is wrong.
function useSteady<Q extends { data: unknown; error: unknown }>(q: Q, to: string | null): Q {
  const last = useRef<{ to: string | null; error: unknown }>({ to, error: null });
  if (last.current.to !== to || q.data !== undefined) last.current = { to, error: null };
  if (q.error) last.current = { to, error: q.error };
  return q.data === undefined && !q.error && last.current.error ? { ...q, error: last.current.error } : q;
}

// useAll reads a list to its end, in pages of 1,000. For lists that are short by nature: meters, plans, keys.
export function useAll<T>(to: string | null): UseQueryResult<T[], ApiError> {
  const q = useQuery<T[], ApiError>({
    queryKey: [to, "all"],
    enabled: to !== null,
    queryFn: async ({ signal }) => {
      const out: T[] = [];
      let cursor: string | null = null;
      do {
        const page: List<T> = (await ask<List<T>>(cursorOf(to!, 1000, cursor), { signal })).body;
        out.push(...page.data);
        cursor = page.next_cursor;
      } while (cursor && out.length < 10_000);
      return out;
    },
  });
  return useSteady(q, to);
}

// usePages reads a list page by page, as far as a person scrolls. slow: it is asked again twice a minute while it is short, and not with
// every event.
export function usePages<T>(to: string | null, size = 100, slow = false) {
  const q = useInfiniteQuery({
    queryKey: [to, slow ? "slow" : "pages", size],
    enabled: to !== null,
    initialPageParam: null as string | null,
    queryFn: async ({ pageParam, signal }) => (await ask<List<T>>(cursorOf(to!, size, pageParam), { signal })).body,
    getNextPageParam: (page) => page.next_cursor,
    ...(slow ? { staleTime: slowMs, placeholderData: undefined } : {}),
    ...(slow ? { refetchInterval: (q: { state: { data?: { pages: unknown[] } } }) => ((q.state.data?.pages.length ?? 0) <= slowPages ? slowMs : false) } : {}),
  });
  const steady = useSteady(q, to);
  return { ...steady, error: steady.error as ApiError | null, rows: q.data?.pages.flatMap((p) => p.data) ?? [] };
}

// usePagesOf reads an answer in pages that is no plain list: address makes the address of a page, next finds its cursor.
export function usePagesOf<T>(address: (cursor: string | null) => string, next: (page: T) => string | null) {
  const q = useInfiniteQuery({
    queryKey: [address(null), "parts"],
    initialPageParam: null as string | null,
    queryFn: async ({ pageParam, signal }) => (await ask<T>(address(pageParam), { signal })).body,
    getNextPageParam: next,
  });
  return { ...q, error: q.error as ApiError | null };
}

function cursorOf(to: string, limit: number, cursor: string | null): string {
  return to + (to.includes("?") ? "&" : "?") + "limit=" + limit + (cursor ? "&cursor=" + encodeURIComponent(cursor) : "");
}

// changed asks again for everything whose address begins with one of the prefixes.
export function changed(...prefixes: string[]): Promise<void> {
  return again(prefixes, () => true);
}

// counted is changed for what events alone have moved: what is slow waits for its turn.
export function counted(...prefixes: string[]): Promise<void> {
  return again(prefixes, (key) => key[1] !== "slow");
}

function again(prefixes: string[], wanted: (key: readonly unknown[]) => boolean): Promise<void> {
  return queries.invalidateQueries({
    predicate: ({ queryKey: key }) => typeof key[0] === "string" && prefixes.some((p) => (key[0] as string).startsWith(p)) && wanted(key),
  });
}
