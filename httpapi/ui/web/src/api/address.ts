// Addresses of the API, below the root.

export type Query = Record<string, string | number | boolean | undefined | null>;

// path builds an address below the root; segments are encoded once.
export function path(parts: TemplateStringsArray, ...values: string[]): string {
  return parts.reduce((out, part, i) => out + part + (i < values.length ? encodeURIComponent(values[i]!) : ""), "");
}

export function withQuery(to: string, query?: Query): string {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") q.set(name, String(value));
  }
  const text = q.toString();
  return text ? to + "?" + text : to;
}
