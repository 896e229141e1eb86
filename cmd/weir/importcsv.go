package main

import (
	"bufio"
	"bytes"
	"cmp"
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
			return nil, wrongUsage("--map %s: an event has no field %s%s (metadata.<name> is one too)", pair, field, usage.DidYouMean(field, csvFields))
		}
		if before, twice := columns[column]; twice {
			return nil, wrongUsage("--map gives column %s to %s and %s", column, before, field)
		}
		columns[column] = field
	}
	if c, size := utf8.DecodeRuneInString(f.delimiter); size != len(f.delimiter) || size == 0 || c == utf8.RuneError || strings.ContainsRune("\"\r\n\x00", c) {
		return nil, wrongUsage("--delimiter %q must be one character, and neither a quote nor the end of a line", f.delimiter)
	}
	return columns, nil
}

// records reads a CSV file (RFC 4180) whose first record names the columns. It cuts the records itself, so that after one that is wrong
// the next is still found, and what stands at the end of the file without a line feed is looked at before it is taken.
type records struct {
	place
	in      *bufio.Reader
	pending []byte // lines that were read as part of a record without end
	csv     *csv.Reader
	text    bytes.Buffer // the record that csv reads
	flags   *importFlags
	notes   io.Writer
	fields  []string // by column; "" is not used
	head    [sha256.Size]byte
	began   int // line of the record that was cut last
}

func newRecords(in *bufio.Reader, f *importFlags, columns map[string]string, notes io.Writer) (*records, error) {
	if mark, _ := in.Peek(3); string(mark) == "\ufeff" { // spreadsheets write a byte order mark
		_, _ = in.Discard(3) // it was peeked
	}
	r := &records{in: in, flags: f, notes: notes}
	text, err := r.cut()
	if err == io.EOF && len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("the file is empty: it has no header line with the names of the columns")
	}
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read the names of the columns: %w", err)
	}
	names, err := r.parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the names of the columns: %w", err)
	}
	r.head = sha256.Sum256([]byte(strings.Join(names, "\x00")))
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

func (r *records) next() (*entry, error) {
	e := &entry{offset: r.at}
	text, err := r.cut()
	if err == io.EOF {
		if len(text) == 0 {
			return nil, io.EOF
		}
		if !r.whole(text) {
			fmt.Fprintf(r.notes, "weir: the record of line %d has no end yet; it is left for the next import, or end it with a line feed\n", r.began)
			return nil, io.EOF
		}
		fmt.Fprintf(r.notes, "weir: the record of line %d ends without a line feed; it was taken as whole (with --resume it is left until it has one)\n", r.began)
		r.pass(text, int64(len(text)), bytes.Count(text, []byte{'\n'})+1)
		err = nil
	}
	e.line = r.began
	switch {
	case errors.As(err, new(recordError)):
		e.err = err
		return e, nil
	case err != nil:
		return nil, fmt.Errorf("line %d: %w", e.line, err)
	}
	record, err := r.parse(text)
	if err == nil && len(record) != len(r.fields) {
		err = fmt.Errorf("it has %d columns instead of %d", len(record), len(r.fields))
	}
	if err != nil {
		e.err = err
		return e, nil
	}
	ev, err := r.event(record)
	if err == nil {
		if ev.ID == "" {
			ev.ID = lineID(r.head, e.offset, []byte(strings.Join(record, "\x00")))
		}
		e.text, err = eventText(&ev)
	}
	e.err = err
	return e, nil
}

// whole tells whether a last record without a line feed is taken: many programs write none at the end of a file. It has all columns
// then. Of a file that is imported again and again as it grows, nothing tells whether the last column is all there.
func (r *records) whole(text []byte) bool {
	if r.flags.resume {
		return false
	}
	record, err := r.parse(text)
	return err == nil && len(record) == len(r.fields)
}

// parse reads a whole record.
func (r *records) parse(text []byte) ([]string, error) {
	if r.csv == nil {
		r.csv = csv.NewReader(&r.text)
		r.csv.Comma = r.comma()
		r.csv.ReuseRecord = true
		r.csv.FieldsPerRecord = -1
	}
	r.text.Write(text)
	record, err := r.csv.Read()
	if err != nil {
		r.csv = nil // it may hold the rest of the record
		r.text.Reset()
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			err = wrong.Err // its line is that of the record
		}
	}
	return record, err
}

// recordError is what is wrong with a record that has been passed.
type recordError struct{ error }

// cut passes the next record and answers its text. The text beside io.EOF is a record without end, which was not passed.
func (r *records) cut() (text []byte, err error) {
	lines, open := 0, false
	for {
		line, size, err := r.line()
		long := size > int64(len(line))
		blank := !open && len(bytes.TrimRight(line, "\r\n")) == 0
		if err == io.EOF && blank {
			return nil, io.EOF
		}
		lines++
		if !open {
			r.began = r.number + lines
		}
		if err != nil {
			return append(text, line...), err
		}
		switch {
		case long:
			r.pass(append(text, line...), int64(len(text))+size, lines)
			return nil, recordError{errLong}
		case open && len(text)+len(line) > lineBytesMax: // its first line is wrong; those after it may be right
			rest := bytes.IndexByte(text[r.skipped(text):], '\n') + 1 + r.skipped(text)
			r.pending = append(append(bytes.Clone(text[rest:]), line...), r.pending...)
			r.pass(text[:rest], int64(rest), r.began-r.number)
			return nil, recordError{fmt.Errorf("a quote that it begins does not end within %d bytes", lineBytesMax)}
		}
		text = append(text, line...)
		if open = !blank && openQuote(line, utf8.AppendRune(nil, r.comma()), open); !open && !blank {
			r.pass(text, int64(len(text)), lines)
			return text, nil
		}
	}
}

// skipped is the length of the empty lines before a record. They belong to it: ids are made of where the record before it ends.
func (r *records) skipped(text []byte) int { return len(text) - len(bytes.TrimLeft(text, "\r\n")) }

// line reads the next line.
func (r *records) line() (line []byte, size int64, err error) {
	if len(r.pending) == 0 {
		return readLine(r.in)
	}
	end := bytes.IndexByte(r.pending, '\n') + 1
	line, r.pending = r.pending[:end], r.pending[end:]
	return line, int64(end), nil
}

func (r *records) comma() rune {
	c, _ := utf8.DecodeRuneInString(r.flags.delimiter)
	return c
}

// openQuote reports whether a quoted field goes on after the line; quoted says that one goes on before it. Of a line with a quote
// where none may be it is false: the record ends there, and parse says what is wrong.
func openQuote(line, comma []byte, quoted bool) bool {
	for len(line) > 0 { // at the beginning of a field, unless quoted
		if !quoted && line[0] != '"' {
			field, rest, more := bytes.Cut(line, comma)
			if !more || bytes.IndexByte(field, '"') >= 0 {
				return false
			}
			line = rest
			continue
		}
		if !quoted {
			line = line[1:]
		}
		end := bytes.IndexByte(line, '"')
		if end < 0 {
			return true
		}
		line = line[end+1:]
		if quoted = len(line) > 0 && line[0] == '"'; quoted { // two quotes are one in the text
			line = line[1:]
		} else if !bytes.HasPrefix(line, comma) {
			return false
		} else {
			line = line[len(comma):]
		}
	}
	return quoted
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
	ev.TenantID, ev.FeatureType = cmp.Or(ev.TenantID, r.flags.tenant), cmp.Or(ev.FeatureType, r.flags.feature)
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
