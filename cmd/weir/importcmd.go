package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

type importFlags struct {
	clientFlags
	format, delimiter string
	columns           []string
	feature           string
	tenant            string
	tenantFrom        string
	tenantField       int
	source            string
	fromOffset        int64
	resume            bool
}

func (m *Main) importCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Turn a file into events: NDJSON, CSV, or an access log",
		Long: `Turn a file into events. FILE may be gzip; "-" is the standard input. The format is that of --format, else of the
name: .ndjson and .jsonl, .csv, and combined for all others.

ndjson           one event a line, as POST /v1/events takes it
csv              a line of names, then a record an event. A column is named like a field of an event (id, tenant_id,
                 user_id, feature_type, quantity, timestamp, source, op, metadata.<name>), or --map field=column says
                 which it is. A timestamp is RFC 3339, "2026-01-31 10:00:00" in UTC, or Unix seconds or milliseconds.
combined         an access log of nginx or Apache: one api_calls of quantity 1 a line. The user is the remote user, else
                 the remote address. The tenant is, by flag: the same for all lines (--tenant), the first part of the
                 path (--tenant-from path), or the n-th field of the line (--tenant-field n; text in quotes or brackets
                 is one field).
vhost_combined   the same with $host before each line, which is the tenant (--tenant-from vhost) unless a flag says otherwise

An event without an id gets one made of its content and its place in the file, so a file can be imported again, also
after it grew or was renamed: what was counted is a duplicate and changes nothing. --resume also skips it: how far an
import came is kept in FILE.weir-import. A file that is another one up to there is imported from its beginning.

A last line that is not whole is left for the next import: half of it would count, and again when it has been written.
Of CSV that is a last record without a line feed that lacks a column or, with --resume, any. A line of more than 64 KiB,
and one that is wrong, is not counted, and the exit code is 1; the lines around it count.`,
		Example: "  weir import /var/log/nginx/access.log --format combined --tenant acme --resume\n" +
			"  weir import usage.csv --map tenant_id=customer --map quantity=calls --feature api_calls\n" +
			"  weir import events.ndjson.gz",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return wrongUsage("name one file to import, or - for the standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return m.importFile(cmd.Context(), &f, args[0]) },
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.format, "format", "", "ndjson, csv, combined or vhost_combined (default: by the name of the file)")
	flags.StringVar(&f.tenant, "tenant", "", "the tenant of all lines; of NDJSON and CSV: of events that name none")
	flags.StringVar(&f.tenantFrom, "tenant-from", "", "vhost, or path (its first part)")
	flags.IntVar(&f.tenantField, "tenant-field", 0, "the number of the field that names the tenant, from 1")
	flags.StringVar(&f.feature, "feature", "", "of NDJSON and CSV: the feature type of events that name none")
	flags.StringArrayVar(&f.columns, "map", nil, "of CSV: field=column, such as tenant_id=customer (repeatable)")
	flags.StringVar(&f.delimiter, "delimiter", ",", "of CSV: what stands between columns")
	flags.StringVar(&f.source, "source", "", "the events' source")
	flags.Int64Var(&f.fromOffset, "from-offset", 0, "skip what begins before this byte of the (inflated) file")
	flags.BoolVar(&f.resume, "resume", false, "go on where the last import of the file ended")
	return cmd
}

// importBatchEvents is how many events go into one request: at some 400 bytes each they are
// far below the body's bound, and a retry costs little.
const importBatchEvents = 1000

// importBatchBytes is how long a body gets, but for one line: lines may have 64 KiB.
const importBatchBytes = 4 << 20

// importer is one run over one file.
type importer struct {
	server *remote
	stderr io.Writer
	resume *resumeFile // nil: not kept
	began  bool        // the file could be opened

	body  []byte // lines of NDJSON
	lines []int  // of the file, of each line in body
	from  int64  // offset of the first entry in body

	counted, duplicates, rejected, unread int64
	codes                                 map[string]int64
	shown                                 int
}

func (m *Main) importFile(ctx context.Context, f *importFlags, name string) error {
	open, err := f.reader(name, m.stderr)
	if err != nil {
		return err
	}
	c, err := f.open()
	if err != nil {
		return err
	}
	if f.resume && name == "-" {
		return wrongUsage("--resume needs a file, not the standard input")
	}
	im := &importer{server: c, stderr: m.stderr, codes: make(map[string]int64)}
	if f.resume {
		im.resume = &resumeFile{path: name + ".weir-import"}
		if err := im.resume.read(); err != nil {
			return err
		}
	}
	err = m.importOnce(ctx, im, open, f.fromOffset, name)
	if errors.Is(err, errOtherFile) {
		fmt.Fprintf(m.stderr, "weir: %s is another file than the one that was imported before; it is imported from its beginning\n", name)
		im.resume.state = resumeState{}
		err = m.importOnce(ctx, im, open, f.fromOffset, name)
	}
	if !im.began {
		return err
	}
	im.report(m.stdout)
	switch {
	case err != nil:
		return fmt.Errorf("%w\nRun the same command again: what was counted is a duplicate then. --from-offset %d skips it", err, im.from)
	case im.rejected+im.unread > 0:
		return fmt.Errorf("%d lines were not counted", im.rejected+im.unread)
	}
	return nil
}

// importOnce opens the file and imports it.
func (m *Main) importOnce(ctx context.Context, im *importer, open func(*bufio.Reader) (entries, error), fromOffset int64, name string) error {
	var file io.Reader = m.stdin
	var size int64 = -1
	if name != "-" {
		opened, err := os.Open(name)
		if err != nil {
			return err
		}
		defer opened.Close()
		if info, err := opened.Stat(); err == nil {
			size = info.Size()
		}
		file = opened
	}
	bar := m.progress(size, "import")
	defer func() { _ = bar.Finish() }()                                              // a bar that cannot be drawn is no failure
	text := bufio.NewReaderSize(io.TeeReader(file, barWriter{bar}), lineBufferBytes) // bytes as on disk
	if head, _ := text.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		text = bufio.NewReaderSize(z, lineBufferBytes)
	}
	in, err := open(text)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return im.run(ctx, in, fromOffset)
}

// errOtherFile is returned when the file is not the one whose import is to be resumed.
var errOtherFile = errors.New("it is another file")

// run reads entries and posts them in batches.
func (im *importer) run(ctx context.Context, in entries, fromOffset int64) error {
	im.began = true
	var resumeAt int64
	if im.resume != nil {
		resumeAt = im.resume.state.Offset
		in.where().mark = resumeAt
	}
	im.from = max(resumeAt, fromOffset)
	known := resumeAt == 0
	for {
		e, err := in.next()
		if err != nil && err != io.EOF {
			return err
		}
		end := e == nil
		if !known && (end || e.offset >= resumeAt) {
			if !im.resume.same(in) {
				return errOtherFile
			}
			known = true
		}
		if !end && e.offset >= im.from {
			im.take(e)
		}
		if len(im.lines) == importBatchEvents || len(im.body) >= importBatchBytes || end {
			if err := im.post(ctx); err != nil {
				return err
			}
			im.from = max(in.where().at, im.from)
			if im.resume != nil && known {
				if err := im.resume.write(in); err != nil {
					return err
				}
			}
		}
		if end {
			return nil
		}
	}
}

// barWriter moves a bar by what is written to it. A bar fails when a file grows past the size
// that it had; that is no failure of the import.
type barWriter struct{ bar *progressbar.ProgressBar }

func (w barWriter) Write(p []byte) (int, error) {
	_ = w.bar.Add(len(p))
	return len(p), nil
}

// take keeps the event of an entry, or says what is wrong with it.
func (im *importer) take(e *entry) {
	if e.err != nil {
		im.unread++
		im.show(fmt.Sprintf("line %d: %v", e.line, e.err))
		return
	}
	im.body = append(append(im.body, e.text...), '\n')
	im.lines = append(im.lines, e.line)
}

// show prints the first few things that are wrong with single lines.
func (im *importer) show(text string) {
	const shownMax = 10
	im.shown++
	switch {
	case im.shown <= shownMax:
		fmt.Fprintln(im.stderr, "weir:", text)
	case im.shown == shownMax+1:
		fmt.Fprintln(im.stderr, "weir: more lines are wrong; they are only counted")
	}
}

// post sends the events at hand.
func (im *importer) post(ctx context.Context) error {
	if len(im.lines) == 0 {
		return nil
	}
	answer, err := im.server.do(ctx, http.MethodPost, "/v1/events", "application/x-ndjson", im.body)
	if err != nil {
		return err
	}
	var sum struct {
		Accepted      int64 `json:"accepted"`
		Duplicates    int64 `json:"duplicates"`
		RejectedTotal int64 `json:"rejected_total"`
		Rejected      []struct {
			Index  int    `json:"index"`
			Code   string `json:"code"`
			Detail string `json:"detail"`
		} `json:"rejected"`
	}
	if err := json.Unmarshal(answer, &sum); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	im.counted += sum.Accepted
	im.duplicates += sum.Duplicates
	im.rejected += sum.RejectedTotal
	for _, r := range sum.Rejected {
		if im.codes[r.Code]++; im.codes[r.Code] == 1 {
			line := 0
			if r.Index < len(im.lines) {
				line = im.lines[r.Index]
			}
			im.show(fmt.Sprintf("line %d: %s: %s", line, r.Code, r.Detail))
		}
	}
	im.body, im.lines = im.body[:0], im.lines[:0]
	return nil
}

func (im *importer) report(w io.Writer) {
	fmt.Fprintf(w, "%d counted, %d duplicates, %d rejected, %d lines not read\n", im.counted, im.duplicates, im.rejected, im.unread)
	if len(im.codes) == 0 {
		return
	}
	var parts []string
	for code, n := range im.codes { // order-free: sorted below
		parts = append(parts, fmt.Sprintf("%s %d", code, n))
	}
	sort.Strings(parts)
	fmt.Fprintln(w, "rejected:", strings.Join(parts, ", "))
}
