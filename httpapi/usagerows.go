package httpapi

import (
	"encoding/csv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirhq/weir/usage"
)

// appendRows writes an answer as JSON.
func appendRows(b []byte, rows *usage.Rows, asString bool) []byte {
	b = append(b, `{"meter":`...)
	b = appendString(b, rows.Meter)
	b = append(b, `,"aggregation":`...)
	b = appendString(b, string(rows.Aggregation))
	b = append(b, `,"unit":`...)
	b = appendString(b, rows.Unit)
	if rows.RelativeError.IsSet() {
		b = append(b, `,"relative_error":`...)
		b = appendDecimal(b, rows.RelativeError, asString)
	}
	b = append(b, `,"from":`...)
	b = appendTime(b, rows.From)
	b = append(b, `,"to":`...)
	b = appendTime(b, rows.To)
	b = append(b, `,"window":`...)
	b = appendString(b, string(rows.Window))
	b = append(b, `,"time_zone":`...)
	b = appendString(b, rows.TimeZone)
	b = append(b, `,"data":`...)
	b = appendData(b, rows.Data, asString)
	if p := rows.Compare; p != nil {
		b = append(b, `,"compare":{"from":`...)
		b = appendTime(b, p.From)
		b = append(b, `,"to":`...)
		b = appendTime(b, p.To)
		b = append(b, `,"data":`...)
		b = appendData(b, p.Data, asString)
		b = append(b, '}')
	}
	b = append(b, `,"as_of":`...)
	b = appendAsOf(b, rows.AsOf)
	b = append(b, `,"next_cursor":`...)
	b = appendNullable(b, rows.NextCursor)
	return append(b, "}\n"...)
}

func appendData(b []byte, rows []usage.Row, asString bool) []byte {
	b = append(b, '[')
	for i := range rows {
		row := &rows[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"window_start":`...)
		b = appendTime(b, row.WindowStart)
		b = append(b, `,"window_end":`...)
		b = appendTime(b, row.WindowEnd)
		b = append(b, `,"value":`...)
		b = appendDecimal(b, row.Value, asString)
		b = append(b, `,"group":`...)
		b = appendGroup(b, row.Group)
		b = append(b, `,"partial":`...)
		b = strconv.AppendBool(b, row.Partial)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendGroup writes the values of dimensions, in the order of their names.
func appendGroup(b []byte, group map[string]*string) []byte {
	if len(group) == 0 {
		return append(b, "{}"...)
	}
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(group)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
		b = append(b, ':')
		b = appendNullable(b, group[name])
	}
	return append(b, '}')
}

// appendNullable writes a string or null.
func appendNullable(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return appendString(b, *s)
}

func appendAsOf(b []byte, at usage.AsOf) []byte {
	b = append(b, `{"index":`...)
	b = appendUint(b, at.Index)
	b = append(b, `,"time":`...)
	b = appendTime(b, at.Time)
	return append(b, '}')
}

// appendRowsCSV writes rows as CSV (RFC 4180): a column for each dimension that is grouped by, before the value. What is absent is
// an empty cell.
func appendRowsCSV(b []byte, rows *usage.Rows, groupBy []string) []byte {
	var text strings.Builder
	w := csv.NewWriter(&text)
	w.UseCRLF = true
	cells := append([]string{"window_start", "window_end"}, groupBy...)
	_ = w.Write(append(cells, "value", "partial")) // of a builder: it cannot fail
	for i := range rows.Data {
		row := &rows.Data[i]
		cells = append(cells[:0], row.WindowStart.UTC().Format(time.RFC3339Nano), row.WindowEnd.UTC().Format(time.RFC3339Nano))
		for _, name := range groupBy {
			cells = append(cells, orEmpty(row.Group[name]))
		}
		value := ""
		if row.Value.IsSet() {
			value = row.Value.String()
		}
		_ = w.Write(append(cells, value, strconv.FormatBool(row.Partial)))
	}
	w.Flush()
	return append(b, text.String()...)
}
