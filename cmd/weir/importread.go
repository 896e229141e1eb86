package main

// How a file becomes events: by lines here, by records in importcsv.go.

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// entry is one event of a file, or what is wrong with it.
type entry struct {
	text   []byte // as a line of NDJSON, without line feed; valid until the next entry
	err    error
	line   int   // from 1
	offset int64 // of its first byte in the (inflated) file
}

// entries reads a file.
type entries interface {
	// next answers the next entry; nil and io.EOF at the end. Another error ends the import.
	next() (*entry, error)
	// first is the hash of the first line, by which a file is known again.
	first() [sha256.Size]byte
	// where is how far the file was read.
	where() *place
}

// reader chooses how a file is read. What is worth knowing goes to notes.
func (f *importFlags) reader(name string, notes io.Writer) (func(*bufio.Reader) (entries, error), error) {
	format := f.format
	if format == "" {
		switch filepath.Ext(strings.TrimSuffix(name, ".gz")) {
		case ".ndjson", ".jsonl":
			format = "ndjson"
		case ".csv":
			format = "csv"
		default:
			format = "combined"
		}
	}
	if f.tenant != "" && !usage.ValidIdentifier(f.tenant) {
		return nil, wrongUsage("--tenant %q must be 1 to 128 bytes of UTF-8 without control characters", f.tenant)
	}
	switch format {
	case "ndjson":
		return func(in *bufio.Reader) (entries, error) {
			return &lines{in: in, notes: notes, parse: f.eventOfJSON, whole: json.Valid}, nil
		}, nil
	case "csv":
		columns, err := f.mapping()
		if err != nil {
			return nil, err
		}
		return func(in *bufio.Reader) (entries, error) { return newRecords(in, f, columns, notes) }, nil
	case "combined", "vhost_combined":
		tenant, err := f.tenantOf(format)
		if err != nil {
			return nil, err
		}
		return func(in *bufio.Reader) (entries, error) {
			return &lines{in: in, notes: notes, whole: complete, parse: func(line []byte, id string) ([]byte, error) {
				l, err := parseLogLine(line, format == "vhost_combined")
				if err != nil {
					return nil, err
				}
				ev := l.event(tenant(l))
				ev.ID, ev.Source = id, f.source
				return eventText(&ev)
			}}, nil
		}, nil
	}
	return nil, wrongUsage("--format %q must be ndjson, csv, combined or vhost_combined", format)
}

// eventOfJSON adds to a line of NDJSON what it does not say. The rest is sent as it stands, so that the server judges the line itself
// and not what was understood of it; only text that is no JSON is refused here.
func (f *importFlags) eventOfJSON(line []byte, id string) ([]byte, error) {
	var p strictjson.Parser
	p.Reset(line)
	err := p.Skip()
	if err == nil {
		err = p.End()
	}
	if err != nil {
		return nil, err
	}
	line = bytes.TrimSpace(line)
	if line[0] != '{' {
		return line, nil // the server says that it must be an object
	}
	text := []byte{'{'}
	for _, x := range []struct{ name, value string }{{"id", id}, {"tenant_id", f.tenant}, {"feature_type", f.feature}, {"source", f.source}} {
		if _, there := strictjson.Lookup(line, []string{x.name}); !there && x.value != "" {
			text = append(append(text, '"'), x.name...)
			text = append(appendText(append(text, `":`...), x.value), ',')
		}
	}
	rest := bytes.TrimLeft(line[1:], " \t")
	if rest[0] == '}' {
		text = bytes.TrimSuffix(text, []byte{','})
	}
	return append(text, rest...), nil
}

// eventText is an event as a line of NDJSON, or what is wrong with it.
func eventText(ev *usage.Event) ([]byte, error) {
	if err := ev.Validate(); err != nil {
		return nil, err
	}
	return json.Marshal(ev)
}

// tenantOf makes the function that names the tenant of a line of a log.
func (f *importFlags) tenantOf(format string) (func(*logLine) string, error) {
	given := 0
	for _, is := range []bool{f.tenant != "", f.tenantFrom != "", f.tenantField != 0} {
		if is {
			given++
		}
	}
	if given > 1 {
		return nil, wrongUsage("give one of --tenant, --tenant-from and --tenant-field")
	}
	switch {
	case f.tenant != "":
		return func(*logLine) string { return f.tenant }, nil
	case f.tenantField < 0:
		return nil, wrongUsage("--tenant-field counts from 1")
	case f.tenantField > 0:
		return func(l *logLine) string {
			if f.tenantField > len(l.fields) {
				return ""
			}
			return l.fields[f.tenantField-1]
		}, nil
	case f.tenantFrom == "path":
		return (*logLine).firstSegment, nil
	case f.tenantFrom == "vhost" && format == "vhost_combined", f.tenantFrom == "" && format == "vhost_combined":
		return func(l *logLine) string { return l.vhost }, nil
	case f.tenantFrom == "vhost":
		return nil, wrongUsage("--tenant-from vhost needs --format vhost_combined: a combined line has no virtual host")
	case f.tenantFrom != "":
		return nil, wrongUsage("--tenant-from %q must be vhost or path", f.tenantFrom)
	}
	return nil, wrongUsage("say whose lines these are: --tenant NAME, --tenant-from path or --tenant-field N")
}

// lines reads a file of one event a line. A last line that is not whole is left for the next import: half a line would count now,
// and again as another line when it has been written.
type lines struct {
	place
	in    *bufio.Reader
	notes io.Writer
	parse func(line []byte, id string) ([]byte, error) // makes the event, with this id if it has none
	whole func(line []byte) bool                       // whether a last line without line feed is all of it

	firstHash [sha256.Size]byte
}

func (l *lines) first() [sha256.Size]byte { return l.firstHash }

func (l *lines) next() (*entry, error) {
	for {
		raw, size, err := readLine(l.in)
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("line %d: %w", l.number+1, err)
		}
		start, line := l.at, bytes.TrimRight(raw, "\r\n")
		if l.number == 0 {
			l.firstHash = sha256.Sum256(line)
		}
		long := size > int64(len(raw))
		if err == io.EOF && size > 0 && (long || !l.whole(line)) {
			fmt.Fprintf(l.notes, "weir: line %d has no end yet; it is left for the next import\n", l.number+1)
			return nil, io.EOF
		}
		l.pass(line, int64(len(line)), 1) // in two steps: an import may have ended before the line feed was written
		l.pass(raw[len(line):], size-int64(len(line)), 0)
		if len(bytes.TrimSpace(line)) == 0 {
			if err == io.EOF {
				return nil, io.EOF
			}
			continue
		}
		e := &entry{line: l.number, offset: start}
		if long {
			e.err = errLong
		} else {
			e.text, e.err = l.parse(line, lineID(l.firstHash, start, line))
		}
		return e, nil
	}
}

// complete reports whether a last line of a log without line feed is whole: it ends with the agent's quote.
func complete(line []byte) bool {
	fields, ok := splitFields(line, nil)
	return ok && len(fields) >= 9 && line[len(line)-1] == '"'
}
