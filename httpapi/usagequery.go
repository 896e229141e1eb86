package httpapi

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weirhq/weir/usage"
)

// getUsage answers what a meter counted.
func (c *call) getUsage() {
	q, form, err := c.usageQuery()
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
	if form.csv {
		buf.b = appendRowsCSV(buf.b, &rows, q.GroupBy)
		c.w.Header().Set("Content-Disposition", `attachment; filename="usage.csv"`)
		if rows.NextCursor != nil {
			c.w.Header().Set("X-Next-Cursor", *rows.NextCursor)
		}
		c.write(http.StatusOK, "text/csv; charset=utf-8; header=present", buf.b)
		return
	}
	buf.b = appendRows(buf.b, &rows, form.numbersAsString)
	c.writeJSON(http.StatusOK, buf.b)
}

// usageQuery reads the query string.
func (c *call) usageQuery() (q usage.Query, form answerForm, err error) {
	v, err := c.parseQuery()
	if err != nil {
		return q, form, err
	}
	v = maps.Clone(v) // of which takeFilters takes away
	if q.Filter, err = takeFilters(v); err != nil {
		return q, form, err
	}
	if err := checkQuery(v, "meter", "tenant_id", "from", "to", "window", "time_zone", "fill", "group_by", "compare", "limit", "cursor",
		"as_of", "format"); err != nil {
		return q, form, err
	}
	if q.Meter = v.Get("meter"); q.Meter == "" {
		return q, form, refuse(usage.CodeMissingField, "/meter", "name a meter: ?meter=<slug>; GET /v1/meters lists them")
	}
	if q.TenantID, err = queryTenant(v); err != nil {
		return q, form, err
	}
	if q.From, q.To, err = queryRange(v); err != nil {
		return q, form, err
	}
	if v.Has("window") {
		if q.Window, err = usage.ParseWindow(v.Get("window")); err != nil {
			return q, form, refuse(usage.CodeInvalidValue, "/window",
				"window "+quoted(v.Get("window"))+" must be one of minute, 15m, hour, day, week, month, billing, total")
		}
	}
	q.TimeZone = v.Get("time_zone")
	if q.AsOfIndex, q.AsOfTime, err = queryAsOf(v); err != nil {
		return q, form, err
	}
	if v.Has("fill") {
		if v.Get("fill") != "zero" {
			return q, form, refuse(usage.CodeInvalidValue, "/fill", "fill must be zero, or left out")
		}
		q.FillZero = true
	}
	if v.Has("group_by") {
		q.GroupBy = strings.Split(v.Get("group_by"), ",")
	}
	if form, err = queryForm(v); err != nil {
		return q, form, err
	}
	if v.Has("compare") {
		q.Compare = usage.Compare(v.Get("compare"))
		if q.Compare != usage.ComparePrevious || form.csv {
			return q, form, refuse(usage.CodeInvalidValue, "/compare", "compare must be previous, or left out; CSV has one range only")
		}
	}
	if v.Has("limit") || v.Has("cursor") {
		if q.Limit, err = listLimit(v.Get("limit")); err != nil {
			return q, form, err
		}
		q.Cursor = v.Get("cursor")
	}
	return q, form, nil
}

// takeFilters takes the parameters filter[<dimension>] out of v; of one that is repeated, any value is wanted.
func takeFilters(v url.Values) (filters map[string][]string, err error) {
	for name, values := range v { // order-free: each by itself, and one error is as good as another
		if name != "filter" && !strings.HasPrefix(name, "filter[") {
			continue
		}
		property, ok := strings.CutSuffix(strings.TrimPrefix(name, "filter["), "]")
		if !ok || name == "filter" || property == "" {
			return nil, refuse(usage.CodeInvalidValue, "/"+escapePointer(name), "a filter is written filter[<dimension>]=<value>, such as filter[metadata.model]=a")
		}
		if filters == nil {
			filters = make(map[string][]string)
		}
		filters[property] = values
		delete(v, name)
	}
	return filters, nil
}

func queryTenant(v url.Values) (string, error) {
	id := v.Get("tenant_id")
	if v.Has("tenant_id") && !usage.ValidIdentifier(id) {
		return "", refuse(usage.CodeInvalidValue, "/tenant_id",
			"tenant_id "+quoted(id)+" must be 1 to 128 bytes of UTF-8 without control characters; leave the parameter out for all tenants")
	}
	return id, nil
}

func queryRange(v url.Values) (from, to time.Time, err error) {
	if from, err = queryTime(v, "from"); err != nil {
		return from, to, err
	}
	if to, err = queryTime(v, "to"); err != nil {
		return from, to, err
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return from, to, refuse(usage.CodeInvalidValue, "/to", "to must be after from; the interval is [from, to)")
	}
	return from, to, nil
}

// queryForm reads format and numbers.
func queryForm(v url.Values) (form answerForm, err error) {
	switch v.Get("format") {
	case "", "json":
	case "csv":
		form.csv = true
	default:
		return form, refuse(usage.CodeInvalidValue, "/format", "format must be json or csv")
	}
	form.numbersAsString = v.Get("numbers") == "string"
	return form, nil
}

// queryAsOf reads a point of the log: the index of a block, or a time.
func queryAsOf(v url.Values) (index uint64, at time.Time, err error) {
	text := v.Get("as_of")
	if !v.Has("as_of") {
		return 0, at, nil
	}
	if index, err = strconv.ParseUint(text, 10, 64); err == nil && index > 0 {
		return index, at, nil
	}
	if at, err = queryTime(v, "as_of"); err != nil {
		err = refuse(usage.CodeInvalidValue, "/as_of", "as_of "+quoted(text)+" must be a log index, such as 812, or a time like 2026-01-31T00:00:00Z")
	}
	return 0, at, err
}

// queryTime reads an RFC 3339 instant. A '+' that was not percent-encoded arrives as a space;
// no RFC 3339 text of ours has one, so it is taken for the '+' it was.
func queryTime(v url.Values, name string) (time.Time, error) {
	if !v.Has(name) {
		return time.Time{}, nil
	}
	text := v.Get(name)
	t, ok := usage.ParseTime([]byte(strings.ReplaceAll(text, " ", "+")))
	if !ok {
		return t, usage.TimeError("/"+name, name, text)
	}
	return t, nil
}
