package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
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

	"github.com/weirhq/weir/usage"
)

type importFlags struct {
	clientFlags
	format      string
	tenant      string
	tenantFrom  string
	tenantField int
	source      string
	fromOffset  int64
}

func (m *Main) importCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Turn an access log into events",
		Long: `Turn an access log of nginx or Apache into events: one api_calls of quantity 1 a line.

The user is the remote user, else the remote address. The tenant is, by flag: the same for all lines
(--tenant), the virtual host (--tenant-from vhost, the default of vhost_combined), the first part of the
path (--tenant-from path), or the n-th field of the line (--tenant-field n; text in quotes or brackets is
one field). FILE may be gzip; "-" is the standard input.

A line's id is made of its content and its place in the file, so a file can be imported again, also
after it grew or was renamed: lines that were counted are duplicates and change nothing.`,
		Example: "  weir import /var/log/nginx/access.log --format combined --tenant acme\n" +
			"  weir import access.log --format vhost_combined",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return wrongUsage("name one file to import, or - for the standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return m.importFile(cmd.Context(), &f, args[0]) },
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.format, "format", "combined", "combined, or vhost_combined ($host before a combined line)")
	cmd.Flags().StringVar(&f.tenant, "tenant", "", "the tenant of all lines")
	cmd.Flags().StringVar(&f.tenantFrom, "tenant-from", "", "vhost, or path (its first part)")
	cmd.Flags().IntVar(&f.tenantField, "tenant-field", 0, "the number of the field that names the tenant, from 1")
	cmd.Flags().StringVar(&f.source, "source", "", "the events' source")
	cmd.Flags().Int64Var(&f.fromOffset, "from-offset", 0, "skip lines before this byte of the (inflated) file")
	return cmd
}

// tenantOf makes the function that names the tenant of a line.
func (f *importFlags) tenantOf() (func(*logLine) string, error) {
	if f.format != "combined" && f.format != "vhost_combined" {
		return nil, wrongUsage("--format %q must be combined or vhost_combined", f.format)
	}
	given := 0
	for _, is := range []bool{f.tenant != "", f.tenantFrom != "", f.tenantField != 0} {
		if is {
			given++
		}
	}
	if given > 1 {
		return nil, wrongUsage("give one of --tenant, --tenant-from and --tenant-field")
	}
	vhost := func(l *logLine) string { return l.vhost }
	switch {
	case f.tenant != "":
		if !usage.ValidIdentifier(f.tenant) {
			return nil, wrongUsage("--tenant %q must be 1 to 128 bytes of UTF-8 without control characters", f.tenant)
		}
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
	case f.tenantFrom == "vhost" && f.format == "vhost_combined", f.tenantFrom == "" && f.format == "vhost_combined":
		return vhost, nil
	case f.tenantFrom == "vhost":
		return nil, wrongUsage("--tenant-from vhost needs --format vhost_combined: a combined line has no virtual host")
	case f.tenantFrom != "":
		return nil, wrongUsage("--tenant-from %q must be vhost or path", f.tenantFrom)
	}
	return nil, wrongUsage("say whose lines these are: --tenant NAME, --tenant-from path or --tenant-field N")
}

// importBatchEvents is how many events go into one request: at some 400 bytes each they are
// far below the body's bound, and a retry costs little.
const importBatchEvents = 1000

// logLineBytesMax bounds a line of a log; servers cut request lines at 8 KiB.
const logLineBytesMax = 64 << 10

// importer is one run over one file.
type importer struct {
	client *client
	format string
	source string
	tenant func(*logLine) string
	bar    *progressbar.ProgressBar
	stderr io.Writer

	events []usage.Event
	from   int64 // offset of the first line in events

	counted, duplicates, rejected, unread int64
	codes                                 map[string]int64
	shown                                 int
}

func (m *Main) importFile(ctx context.Context, f *importFlags, name string) error {
	tenant, err := f.tenantOf()
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
	text := bufio.NewReaderSize(io.TeeReader(file, barWriter{bar}), logLineBytesMax) // bytes as on disk
	if head, _ := text.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		text = bufio.NewReaderSize(z, logLineBytesMax)
	}
	im := &importer{client: c, format: f.format, source: f.source, tenant: tenant, bar: bar, stderr: m.stderr,
		codes: make(map[string]int64)}
	err = im.run(ctx, text, f.fromOffset)
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

// run reads lines and posts them in batches.
func (im *importer) run(ctx context.Context, in *bufio.Reader, fromOffset int64) error {
	var first [sha256.Size]byte
	im.from = fromOffset
	for offset, number := int64(0), 1; ; number++ {
		line, length, err := readLine(in)
		if err != nil && err != io.EOF {
			return fmt.Errorf("line %d: %w", number, err)
		}
		end := err == io.EOF
		if number == 1 {
			first = sha256.Sum256(line)
		}
		switch {
		case len(bytes.TrimSpace(line)) == 0 || offset < fromOffset:
		case end && !complete(line):
			fmt.Fprintf(im.stderr, "weir: line %d has no end yet; it is left for the next import\n", number)
		default:
			im.take(line, lineID(first, offset, line), number)
		}
		offset += length
		if len(im.events) == importBatchEvents || end {
			if err := im.post(ctx); err != nil {
				return err
			}
			im.from = max(offset, fromOffset)
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

// readLine answers the next line without its end, and how many bytes it took. A line longer
// than the buffer is an error.
func readLine(in *bufio.Reader) (line []byte, length int64, err error) {
	line, err = in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, 0, fmt.Errorf("it is longer than %d bytes; is this an access log?", logLineBytesMax)
	}
	length = int64(len(line))
	return bytes.TrimRight(line, "\r\n"), length, err
}

// complete reports whether a last line without line feed is whole: it ends with the agent's
// quote. Half a line would count now, and again as another line when the server has written it.
func complete(line []byte) bool {
	fields, ok := splitFields(line, nil)
	return ok && len(fields) >= 9 && line[len(line)-1] == '"'
}

// take makes an event of a line.
func (im *importer) take(line []byte, id string, number int) {
	l, err := parseLogLine(line, im.format == "vhost_combined")
	var ev usage.Event
	if err == nil {
		ev = l.event(im.tenant(l))
		ev.ID, ev.Source = id, im.source
		err = ev.Validate()
	}
	if err != nil {
		im.unread++
		im.show(fmt.Sprintf("line %d: %v", number, err))
		return
	}
	im.events = append(im.events, ev)
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
