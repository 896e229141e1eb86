package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/weirhq/weir/usage"
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
import came is kept in FILE.weir-import, for as long as the file begins with the same line.`,
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

// importer is one run over one file.
type importer struct {
	client *client
	bar    *progressbar.ProgressBar
	stderr io.Writer
	resume *resumeFile // nil: not kept

	events []usage.Event
	from   int64 // offset of the first entry in events

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
	text := bufio.NewReaderSize(io.TeeReader(file, barWriter{bar}), lineBytesMax) // bytes as on disk
	if head, _ := text.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		text = bufio.NewReaderSize(z, lineBytesMax)
	}
	entries, err := open(text)
	if err != nil {
		return err
	}
	im := &importer{client: c, bar: bar, stderr: m.stderr, codes: make(map[string]int64)}
	if f.resume {
		if name == "-" {
			return wrongUsage("--resume needs a file, not the standard input")
		}
		im.resume = &resumeFile{path: name + ".weir-import"}
	}
	err = im.run(ctx, entries, f.fromOffset)
	_ = bar.Finish() // a bar that cannot be drawn is no failure
	im.report(m.stdout)
	if err != nil {
		return fmt.Errorf("%w\nRun the same command again: what was counted is a duplicate then. --from-offset %d skips it", err, im.from)
	}
	if im.rejected+im.unread > 0 {
		return fmt.Errorf("%d lines were not counted", im.rejected+im.unread)
	}
	return nil
}

// run reads entries and posts them in batches.
func (im *importer) run(ctx context.Context, in entries, fromOffset int64) error {
	im.from = fromOffset
	for n := 0; ; n++ {
		e, err := in.next()
		if err != nil && err != io.EOF {
			return err
		}
		if n == 0 && im.resume != nil {
			if im.from, err = im.resume.read(in.first()); err != nil {
				return err
			}
			fromOffset = max(im.from, fromOffset)
		}
		end := e == nil
		if !end && e.offset >= fromOffset {
			im.take(e)
		}
		if len(im.events) == importBatchEvents || end {
			if err := im.post(ctx); err != nil {
				return err
			}
			im.from = max(in.offset(), fromOffset)
			if im.resume != nil {
				if err := im.resume.write(in.first(), im.from); err != nil {
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
	err := e.err
	if err == nil {
		err = e.event.Validate()
	}
	if err != nil {
		im.unread++
		im.show(fmt.Sprintf("line %d: %v", e.line, err))
		return
	}
	im.events = append(im.events, e.event)
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
	if len(im.events) == 0 {
		return nil
	}
	body, err := json.Marshal(im.events)
	if err != nil {
		return err
	}
	answer, err := im.client.do(ctx, http.MethodPost, "/v1/events", "application/json", body)
	if err != nil {
		return err
	}
	var sum struct {
		Accepted      int64 `json:"accepted"`
		Duplicates    int64 `json:"duplicates"`
		RejectedTotal int64 `json:"rejected_total"`
		Rejected      []struct {
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
			im.show(r.Code + ": " + r.Detail)
		}
	}
	im.events = im.events[:0]
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
