package httpapi

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/weirhq/weir/usage"
)

// later are the parameters of the contract that no engine answers yet. They are refused by
// name: an answer that ignored a filter would be the wrong number.
var later = []string{"group_by", "compare", "as_of"}

// getUsage answers what a meter counted.
func (c *call) getUsage() {
	q, asString, csv, err := c.usageQuery()
	if err != nil {
		c.writeError(err)
		return
	}
	rows, err := c.eng.Usage(c.r.Context(), q)
	if err != nil {
		c.writeError(err)
		return
	}
	buf := getBuffer()
	defer putBuffer(buf)
	c.w.Header().Set("Cache-Control", "no-store")
	if csv {
		buf.b = appendRowsCSV(buf.b, &rows)
		c.w.Header().Set("Content-Disposition", `attachment; filename="usage.csv"`)
		c.write(http.StatusOK, "text/csv; charset=utf-8; header=present", buf.b)
		return
	}
	buf.b = appendRows(buf.b, &rows, asString)
	c.writeJSON(http.StatusOK, buf.b)
}

// usageQuery reads the query string.
func (c *call) usageQuery() (q usage.Query, asString, csv bool, err error) {
	bad := func(err error) (usage.Query, bool, bool, error) { return usage.Query{}, false, false, err }
	if name := laterParameter(c.r.URL); name != "" {
		return bad(refuse(usage.CodeInvalidValue, "/"+escapePointer(name), name+" is not available yet"))
	}
	v, err := c.query("meter", "tenant_id", "from", "to", "window", "time_zone", "fill", "format", "numbers")
	if err != nil {
		return bad(err)
	}
	q.Meter = v.Get("meter")
	if q.Meter == "" {
		return bad(refuse(usage.CodeMissingField, "/meter", "name a meter: ?meter=<slug>; GET /v1/meters lists them"))
	}
	q.TenantID = v.Get("tenant_id")
	if v.Has("tenant_id") && !usage.ValidIdentifier(q.TenantID) {
		return bad(refuse(usage.CodeInvalidValue, "/tenant_id",
			"tenant_id "+quoted(q.TenantID)+" must be 1 to 128 bytes of UTF-8 without control characters; leave the parameter out for all tenants"))
	}
	if q.From, err = queryTime(v, "from"); err != nil {
		return bad(err)
	}
	if q.To, err = queryTime(v, "to"); err != nil {
		return bad(err)
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return bad(refuse(usage.CodeInvalidValue, "/to", "to must be after from; the interval is [from, to)"))
	}
	if v.Has("window") {
		if q.Window, err = usage.ParseWindow(v.Get("window")); err != nil {
			return bad(refuse(usage.CodeInvalidValue, "/window",
				"window "+quoted(v.Get("window"))+" must be one of minute, 15m, hour, day, week, month, billing, total"))
		}
	}
	q.TimeZone = v.Get("time_zone")
	if v.Has("fill") {
		if v.Get("fill") != "zero" {
			return bad(refuse(usage.CodeInvalidValue, "/fill", "fill must be zero, or left out"))
		}
		q.FillZero = true
	}
	switch v.Get("format") {
	case "", "json":
	case "csv":
		csv = true
	default:
		return bad(refuse(usage.CodeInvalidValue, "/format", "format must be json or csv"))
	}
	switch v.Get("numbers") {
	case "", "number":
	case "string":
		asString = true
	default:
		return bad(refuse(usage.CodeInvalidValue, "/numbers", "numbers must be string, or left out"))
	}
	return q, asString, csv, nil
}

// laterParameter answers the first parameter of the query, in its order, that is not
// available yet.
func laterParameter(u *url.URL) string {
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			continue
		}
		if known(name, later) || name == "filter" || strings.HasPrefix(name, "filter[") {
			return name
		}
	}
	return ""
}

// queryTime reads an RFC 3339 instant. A '+' that was not percent-encoded arrives as a space;
// no RFC 3339 text of ours has one, so it is taken for the '+' it was.
func queryTime(v url.Values, name string) (time.Time, error) {
	if !v.Has(name) {
		return time.Time{}, nil
	}
	text := v.Get(name)
	t, ok := parseTime([]byte(strings.ReplaceAll(text, " ", "+")))
	if !ok {
		return t, refuse(usage.CodeInvalidValue, "/"+name,
			name+" "+quoted(text)+" must be a time like 2026-01-31T00:00:00Z (RFC 3339 with an offset)")
	}
	return t, nil
}

// parseTime reads an RFC 3339 time strictly and answers it in UTC.
func parseTime(text []byte) (time.Time, bool) {
	var t time.Time
	if t.UnmarshalText(text) != nil || t.IsZero() {
		return time.Time{}, false
	}
	// The library cuts decimals after the ninth in silence; two times would become one.
	if dot := bytes.IndexByte(text, '.'); dot >= 0 && bytes.IndexAny(text[dot:], "Z+-") > 10 {
		return time.Time{}, false
	}
	return t.UTC(), true
}

// appendRows writes rows as JSON.
func appendRows(b []byte, rows *usage.Rows, asString bool) []byte {
	b = append(b, `{"meter":`...)
	b = appendString(b, rows.Meter)
	b = append(b, `,"aggregation":`...)
	b = appendString(b, string(rows.Aggregation))
	b = append(b, `,"unit":`...)
	b = appendString(b, rows.Unit)
	b = append(b, `,"from":`...)
	b = appendTime(b, rows.From)
	b = append(b, `,"to":`...)
	b = appendTime(b, rows.To)
	b = append(b, `,"window":`...)
	b = appendString(b, string(rows.Window))
	b = append(b, `,"time_zone":`...)
	b = appendString(b, rows.TimeZone)
	b = append(b, `,"data":[`...)
	for i := range rows.Data {
		row := &rows.Data[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"window_start":`...)
		b = appendTime(b, row.WindowStart)
		b = append(b, `,"window_end":`...)
		b = appendTime(b, row.WindowEnd)
		b = append(b, `,"value":`...)
		b = appendDecimal(b, row.Value, asString)
		b = append(b, `,"group":{},"partial":`...)
		if row.Partial {
			b = append(b, "true}"...)
		} else {
			b = append(b, "false}"...)
		}
	}
	b = append(b, `],"as_of":{"index":`...)
	b = appendUint(b, rows.AsOf.Index)
	b = append(b, `,"time":`...)
	b = appendTime(b, rows.AsOf.Time)
	b = append(b, `},"next_cursor":`...)
	if rows.NextCursor != nil {
		b = appendString(b, *rows.NextCursor)
	} else {
		b = append(b, "null"...)
	}
	return append(b, "}\n"...)
}

// appendRowsCSV writes rows as CSV (RFC 4180). No cell needs quotes: they are times, numbers
// and two words. An absent value is an empty cell.
func appendRowsCSV(b []byte, rows *usage.Rows) []byte {
	b = append(b, "window_start,window_end,value,partial\r\n"...)
	for i := range rows.Data {
		row := &rows.Data[i]
		b = row.WindowStart.UTC().AppendFormat(b, time.RFC3339Nano)
		b = append(b, ',')
		b = row.WindowEnd.UTC().AppendFormat(b, time.RFC3339Nano)
		b = append(b, ',')
		if row.Value.IsSet() {
			b = row.Value.AppendTo(b)
		}
		if row.Partial {
			b = append(b, ",true\r\n"...)
		} else {
			b = append(b, ",false\r\n"...)
		}
	}
	return b
}
