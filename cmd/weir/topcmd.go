package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/usage"
)

type topFlags struct {
	resourceFlags
	meter, by, tenant string
	limit             int
	every, window     time.Duration
}

// topCommand shows who uses most, again and again on a terminal.
func (m *Main) topCommand() *cobra.Command {
	var f topFlags
	cmd := &cobra.Command{
		Use: "top", Short: "Show who uses most, live", Args: noArgs,
		Long: "Show who used most of a meter, and how fast the server counts: a view that renews itself on a terminal (Ctrl-C ends it).\n" +
			"In a pipe it is the server's JSON, once; -o csv is CSV, and -o table the table, once.",
		Example: "  weir top\n  weir top --meter llm_tokens --by user --tenant acme --window 24h",
		RunE:    func(cmd *cobra.Command, _ []string) error { return m.top(cmd.Context(), &f) },
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.meter, "meter", "api_calls", "the meter")
	cmd.Flags().StringVar(&f.by, "by", "tenant", "tenant, user, or a dimension of the meter")
	cmd.Flags().StringVar(&f.tenant, "tenant", "", "only this tenant's")
	cmd.Flags().IntVar(&f.limit, "limit", 15, "how many places")
	cmd.Flags().DurationVar(&f.every, "every", 2*time.Second, "how often it is renewed")
	cmd.Flags().DurationVar(&f.window, "window", time.Hour, "how far it looks back")
	return cmd
}

// topShot is what one look has seen.
type topShot struct {
	at    time.Time
	stats usage.Stats
	rows  usage.Top
	raw   []byte
}

func (m *Main) top(ctx context.Context, f *topFlags) error {
	asTable, err := m.wantTable(f.output, "json", "csv", "table")
	if err != nil {
		return err
	}
	if f.every < 100*time.Millisecond || f.window < time.Minute {
		return wrongUsage("--every must be at least 100ms, --window at least 1m")
	}
	c, err := f.open()
	if err != nil {
		return err
	}
	before, err := f.look(ctx, c)
	if err != nil {
		return err
	}
	switch {
	case f.output == "csv":
		return writeCSV(m.stdout, before.raw)
	case !asTable:
		_, err = m.stdout.Write(before.raw)
		return err
	case !isTerminal(m.stdout):
		return printTop(m.stdout, f, nil, before)
	}
	// The screen of before comes back at the end, as with top and less.
	fmt.Fprint(m.stdout, "\x1b[?1049h\x1b[?25l")
	defer fmt.Fprint(m.stdout, "\x1b[?25h\x1b[?1049l")
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	shot := before
	for {
		var page strings.Builder
		if err := printTop(&page, f, before, shot); err != nil {
			return err
		}
		fmt.Fprint(m.stdout, "\x1b[H\x1b[2J"+page.String())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		next, err := f.look(ctx, c)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		before, shot = shot, next
	}
}

// look asks the server once.
func (f *topFlags) look(ctx context.Context, c *remote) (*topShot, error) {
	s := &topShot{at: time.Now()}
	answer, err := c.do(ctx, http.MethodGet, "/v1/system", "", nil)
	if err != nil {
		return nil, err
	}
	var system struct{ Stats usage.Stats }
	if err := json.Unmarshal(answer, &system); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	s.stats = system.Stats
	to := s.at.UTC().Truncate(time.Minute).Add(time.Minute)
	q := url.Values{"meter": {f.meter}, "by": {f.by}, "limit": {strconv.Itoa(f.limit)},
		"from": {to.Add(-f.window.Truncate(time.Minute)).Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}}
	if f.tenant != "" {
		q.Set("tenant_id", f.tenant)
	}
	if s.raw, err = c.do(ctx, http.MethodGet, "/v1/usage/top?"+q.Encode(), "", nil); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(s.raw, &s.rows); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return s, nil
}

// printTop shows a look; before is the one before it, or nil, and gives the rates.
func printTop(w io.Writer, f *topFlags, before, now *topShot) error {
	st := &now.stats
	fmt.Fprintf(w, "weir  %s   %d events, %d tenants, queue %d", now.at.Format(time.TimeOnly), st.Events, st.Tenants, st.QueueItems)
	if before != nil && now.at.After(before.at) {
		seconds := now.at.Sub(before.at).Seconds()
		fmt.Fprintf(w, "   %.0f events/s, %.0f blocks/s", float64(st.Counted-before.stats.Counted)/seconds, float64(st.Blocks-before.stats.Blocks)/seconds)
	}
	fmt.Fprintf(w, "\n%s by %s, the last %s\n\n", now.rows.Meter+unitSuffix(now.rows.Unit), f.by, f.window)
	if len(now.rows.Data) == 0 {
		fmt.Fprintln(w, "nothing was counted in this time")
		return nil
	}
	greatest := approximate(now.rows.Data[0].Value)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\tUSED\t\n", strings.ToUpper(f.by))
	for i := range now.rows.Data {
		row := &now.rows.Data[i]
		length := 0
		if greatest > 0 {
			length = int(30 * max(0, approximate(row.Value)) / greatest)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", dash(row.Key), row.Value, strings.Repeat("█", length))
	}
	return t.Flush()
}

// approximate is a decimal for drawing.
func approximate(d usage.Decimal) float64 {
	x, _ := strconv.ParseFloat(d.String(), 64) // an absent value draws as 0
	return x
}
