package main

// How a file becomes events: by lines here, by records in importcsv.go.

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// entry is one event of a file, or what is wrong with it.
type entry struct {
	event  usage.Event
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
	// offset is where the next entry begins.
	offset() int64
}

// lineBytesMax bounds a line: an event with 4 KiB of metadata, all of it escaped, is under 32 KiB, and servers cut request lines
// at 8 KiB.
const lineBytesMax = 64 << 10

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
			return &lines{in: in, source: f.source, notes: notes, parse: f.parseJSON, whole: json.Valid}, nil
		}, nil
	case "csv":
		columns, err := f.mapping()
		if err != nil {
			return nil, err
		}
		return func(in *bufio.Reader) (entries, error) { return newRecords(in, f, columns) }, nil
	case "combined", "vhost_combined":
		tenant, err := f.tenantOf(format)
		if err != nil {
			return nil, err
		}
		return func(in *bufio.Reader) (entries, error) {
			return &lines{in: in, source: f.source, notes: notes, whole: complete, parse: func(line []byte) (usage.Event, error) {
				l, err := parseLogLine(line, format == "vhost_combined")
				if err != nil {
					return usage.Event{}, err
				}
				return l.event(tenant(l)), nil
			}}, nil
		}, nil
	}
	return nil, wrongUsage("--format %q must be ndjson, csv, combined or vhost_combined", format)
}

var eventTimes = strictjson.StringsOf("a string with an RFC 3339 time", func(name, text string) (time.Time, error) {
	t, ok := usage.ParseTime([]byte(text))
	if !ok {
		return t, usage.TimeError("/"+name, name, text)
	}
	return t, nil
})

// parseJSON reads a line of NDJSON.
func (f *importFlags) parseJSON(line []byte) (usage.Event, error) {
	var ev usage.Event
	err := strictjson.Unmarshal(line, &ev, eventTimes)
	f.complete(&ev)
	return ev, err
}

// complete gives an event what the flags say of events that do not say it themselves.
func (f *importFlags) complete(ev *usage.Event) {
	if ev.TenantID == "" {
		ev.TenantID = f.tenant
	}
	if ev.FeatureType == "" {
		ev.FeatureType = f.feature
	}
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
	in     *bufio.Reader
	source string
	notes  io.Writer
	parse  func(line []byte) (usage.Event, error)
	whole  func(line []byte) bool // whether a last line without line feed is all of it

	number    int
	at        int64
	firstHash [sha256.Size]byte
}

func (l *lines) first() [sha256.Size]byte { return l.firstHash }
func (l *lines) offset() int64            { return l.at }

func (l *lines) next() (*entry, error) {
	for {
		line, err := l.in.ReadSlice('\n')
		l.number++
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("line %d is longer than %d bytes; is --format right?", l.number, lineBytesMax)
		}
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("line %d: %w", l.number, err)
		}
		start, length := l.at, int64(len(line))
		line = bytes.TrimRight(line, "\r\n")
		if l.number == 1 {
			l.firstHash = sha256.Sum256(line)
		}
		if err == io.EOF && length > 0 && !l.whole(line) {
			fmt.Fprintf(l.notes, "weir: line %d has no end yet; it is left for the next import\n", l.number)
			return nil, io.EOF
		}
		l.at += length
		if len(bytes.TrimSpace(line)) == 0 {
			if err == io.EOF {
				return nil, io.EOF
			}
			continue
		}
		e := &entry{line: l.number, offset: start}
		if e.event, e.err = l.parse(line); e.err == nil {
			if e.event.ID == "" {
				e.event.ID = lineID(l.firstHash, start, line)
			}
			if e.event.Source == "" {
				e.event.Source = l.source
			}
		}
		return e, nil
	}
}

// complete reports whether a last line of a log without line feed is whole: it ends with the agent's quote.
func complete(line []byte) bool {
	fields, ok := splitFields(line, nil)
	return ok && len(fields) >= 9 && line[len(line)-1] == '"'
}

// resumeFile keeps how far an import came, beside the file.
type resumeFile struct{ path string }

type resumeState struct {
	First  string `json:"first_line"` // SHA-256 of the first line
	Offset int64  `json:"offset"`
}

// read answers where to go on: 0 when nothing is kept, or the file now begins otherwise.
func (r *resumeFile) read(first [sha256.Size]byte) (int64, error) {
	text, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	var st resumeState
	if err == nil {
		err = json.Unmarshal(text, &st)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w; delete it to import the file from its start", r.path, err)
	}
	if st.First != hex.EncodeToString(first[:]) {
		return 0, nil
	}
	return st.Offset, nil
}

// write replaces it. A crash leaves the old one or the new one, and losing it only costs duplicates.
func (r *resumeFile) write(first [sha256.Size]byte, offset int64) error {
	text, err := json.Marshal(resumeState{hex.EncodeToString(first[:]), offset})
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.path+".tmp", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(r.path+".tmp", r.path)
}
