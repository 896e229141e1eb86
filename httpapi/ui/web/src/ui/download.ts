// CSV of what is on the page, made here: for lists that the API does not write as CSV itself.

export function csv(rows: (string | number | null | undefined)[][]): string {
  return rows.map((r) => r.map(cell).join(",")).join("\r\n") + "\r\n";
}

// A cell that begins like a formula is led by a quote, so that a spreadsheet does not run what a tenant chose as its name.
function cell(v: string | number | null | undefined): string {
  let text = v == null ? "" : String(v);
  if (typeof v === "string" && /^[=+@\t\r]|^-(?![\d.]+$)/.test(text)) text = "'" + text;
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

export function save(name: string, text: string, type = "text/csv;charset=utf-8"): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
