package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirhq/weir/usage"
)

// csvFields are the fields of an event that a column can be; metadata.<name> besides.
var csvFields = []string{"id", "tenant_id", "user_id", "feature_type", "quantity", "timestamp", "source", "op"}

const metadataPrefix = "metadata."

func csvField(name string) bool {
	return slices.Contains(csvFields, name) || strings.HasPrefix(name, metadataPrefix) && len(name) > len(metadataPrefix)
}

// mapping reads --map: the field of each column that is named.
func (f *importFlags) mapping() (map[string]string, error) {
	columns := make(map[string]string)
	for _, pair := range f.columns {
		field, column, ok := strings.Cut(pair, "=")
		if !ok || column == "" {
			return nil, wrongUsage("--map %q must be field=column", pair)
		}
		if !csvField(field) {
			text := fmt.Sprintf("--map %s: an event has no field %s", pair, field)
			if near, ok := usage.Nearest(field, csvFields); ok {
				text += "; did you mean " + near + "?"
			}
			return nil, wrongUsage("%s (metadata.<name> is one too)", text)
		}
		if before, twice := columns[column]; twice {
			return nil, wrongUsage("--map gives column %s to %s and %s", column, before, field)
		}
		columns[column] = field
	}
	if utf8.RuneCountInString(f.delimiter) != 1 {
		return nil, wrongUsage("--delimiter %q must be one character", f.delimiter)
	}
	return columns, nil
}

// records reads a CSV file (RFC 4180) whose first record names the columns.
type records struct {
	csv    *csv.Reader
	flags  *importFlags
	fields []string // by column; "" is not used
	at     int64
	head   [sha256.Size]byte
}

func newRecords(in *bufio.Reader, f *importFlags, columns map[string]string) (*records, error) {
	if mark, _ := in.Peek(3); string(mark) == "\ufeff" { // spreadsheets write a byte order mark
		_, _ = in.Discard(3) // it was peeked
	}
	r := &records{csv: csv.NewReader(in), flags: f}
	r.csv.Comma, _ = utf8.DecodeRuneInString(f.delimiter)
	r.csv.ReuseRecord = true
	names, err := r.csv.Read()
	if err != nil {
		return nil, fmt.Errorf("read the names of the columns: %w", err)
	}
	r.head = sha256.Sum256([]byte(strings.Join(names, "\x00")))
	r.at = r.csv.InputOffset()
	seen := make(map[string]bool)
	for _, name := range names {
		name = strings.TrimSpace(name)
		field, mapped := columns[name]
		delete(columns, name)
		if !mapped && csvField(name) {
			field = name
		}
		if field != "" && seen[field] {
			return nil, wrongUsage("two columns are %s; choose one with --map", field)
		}
		seen[field] = true
		r.fields = append(r.fields, field)
	}
	for column, field := range columns { // order-free: any one is wrong
		return nil, wrongUsage("--map %s=%s: there is no column %s; the file has %s", field, column, column, strings.Join(names, ", "))
	}
	if !seen["tenant_id"] && f.tenant == "" {
		return nil, wrongUsage("no column is tenant_id; name one with --map tenant_id=COLUMN, or give --tenant. The file has %s", strings.Join(names, ", "))
	}
	if !seen["feature_type"] && f.feature == "" {
		return nil, wrongUsage("no column is feature_type; name one with --map feature_type=COLUMN, or give --feature. The file has %s", strings.Join(names, ", "))
	}
	return r, nil
}

func (r *records) first() [sha256.Size]byte { return r.head }
func (r *records) offset() int64            { return r.at }

func (r *records) next() (*entry, error) {
	record, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	e := &entry{offset: r.at}
	e.line, _ = r.csv.FieldPos(0)
	r.at = r.csv.InputOffset()
	var parse *csv.ParseError
	switch {
	case errors.As(err, &parse) && errors.Is(err, csv.ErrFieldCount):
		e.line, e.err = parse.Line, fmt.Errorf("it has %d columns instead of %d", len(record), len(r.fields))
		return e, nil
	case err != nil:
		return nil, fmt.Errorf("read the CSV: %w", err) // where the next record begins is unknown
	}
	e.event, e.err = r.event(record)
	if e.err == nil && e.event.ID == "" {
		e.event.ID = lineID(r.head, e.offset, []byte(strings.Join(record, "\x00")))
	}
	return e, nil
}

// event makes the event of a record. An empty cell is absent.
func (r *records) event(record []string) (usage.Event, error) {
	ev := usage.Event{Source: r.flags.source}
	metadata := make(map[string]json.RawMessage)
	for i, field := range r.fields {
		value := strings.Clone(record[i]) // the record is used again
		if field == "" || value == "" {
			continue
		}
		var err error
		switch field {
		case "id":
			ev.ID = value
		case "tenant_id":
			ev.TenantID = value
		case "user_id":
			ev.UserID = value
		case "feature_type":
			ev.FeatureType = value
		case "source":
			ev.Source = value
		case "op":
			ev.Op = value
		case "quantity":
			ev.Quantity, err = usage.ParseDecimal(value)
		case "timestamp":
			ev.Timestamp, err = csvTime(value)
		default:
			metadata[strings.TrimPrefix(field, metadataPrefix)], err = jsonValue(value)
		}
		if err != nil {
			return ev, fmt.Errorf("%s: %w", field, err)
		}
	}
	r.flags.complete(&ev)
	if len(metadata) == 0 {
		return ev, nil
	}
	var err error
	ev.Metadata, err = json.Marshal(metadata) // sorted by key: the same text for the same record
	return ev, err
}

// jsonValue is a cell as JSON: a number, true or false as such, else a text.
func jsonValue(s string) (json.RawMessage, error) {
	if _, err := usage.ParseDecimal(s); (err == nil || s == "true" || s == "false") && json.Valid([]byte(s)) {
		return json.RawMessage(s), nil
	}
	return json.Marshal(s)
}

// csvTime reads a time as files have it.
func csvTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		const millisecondsFrom = 100_000_000_000 // as seconds this is the year 5138
		if n >= millisecondsFrom {
			return time.UnixMilli(n).UTC(), nil
		}
		return time.Unix(n, 0).UTC(), nil
	}
	if t, err := time.Parse(time.DateTime, s); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is no time like 2026-01-31T00:00:00Z, 2026-01-31 00:00:00, or Unix seconds", s)
}
