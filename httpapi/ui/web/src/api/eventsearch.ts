// Events by filters: while it looks through the list it goes page by page, as far back as is said.

import { useEffect, useState } from "react";
import type { ApiError } from "./client";
import { idPath, keeps, picks, type EventFilter } from "./eventfilter";
import { featuresOf, type EventRow } from "./events";
import { useGet, usePages } from "./hooks";

const wanted = 50; // rows to fill a screen with before it stops by itself
const stride = 10; // pages it looks through before it asks

export interface Found {
  rows: EventRow[];
  known: boolean; // there is an answer, if only of a part
  error: ApiError | null;
  retry: () => void;
  byId: boolean; // one event, asked for by its name
  looked: number; // events that were looked through
  back: string | null; // when the last of them was received
  busy: boolean;
  more: (() => void) | null; // looks further back
}

export function useEventSearch(f: EventFilter, to: string): Found {
  const picking = picks(f);
  const lookup = idPath(f);
  const one = useGet<EventRow>(lookup, { fresh: true });
  const hit = lookup && one.data && keeps(f, one.data) && (!f.feature || featuresOf(one.data).split(", ").includes(f.feature)) ? one.data : undefined;
  const searching = lookup === null || (!hit && (one.data !== undefined || one.error !== null));
  const list = usePages<EventRow>(searching ? to : null, picking ? 1000 : 100, picking);
  const rows = picking ? list.rows.filter((e) => keeps(f, e)) : list.rows;
  const question = JSON.stringify([to, f]);
  const [bound, setBound] = useState({ question, pages: stride, rows: wanted });
  const within = bound.question === question ? bound : { question, pages: stride, rows: wanted };
  const { hasNextPage, isFetching, fetchNextPage } = list;
  // A page may be short, or empty, and not be the last; one that is picked from nearly always is.
  const pages = list.data?.pages.length ?? 0;
  const on = searching && hasNextPage && !isFetching && !list.error && rows.length < within.rows && pages < within.pages;
  useEffect(() => {
    if (on) void fetchNextPage();
  }, [on, fetchNextPage]);
  const more = () => {
    setBound({ question, pages: pages + stride, rows: rows.length + wanted });
    void fetchNextPage();
  };
  if (hit) return { rows: [hit], known: true, error: one.error, retry: () => void one.refetch(), byId: true, looked: 1, back: null, busy: false, more: null };
  return {
    rows,
    known: searching && list.data !== undefined,
    error: searching ? list.error : null,
    retry: () => void list.refetch(),
    byId: false,
    looked: list.rows.length,
    back: list.rows[list.rows.length - 1]?.received_at ?? null,
    busy: on || list.isFetchingNextPage,
    more: searching && hasNextPage ? more : null,
  };
}

