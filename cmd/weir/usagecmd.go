package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/guptarohit/asciigraph"
	"github.com/spf13/cobra"

	"github.com/weirhq/weir/usage"
)

type usageFlags struct {
	clientFlags
	meter, tenant, from, to, window, timeZone string
	fill                                      bool
	output                                    string
}

func (m *Main) usageCommand() *cobra.Command {
	var f usageFlags
	cmd := &cobra.Command{
		Use:     "usage --meter M",
		Short:   "Show what a meter counted",
		Long:    "Show what a meter counted: a table and a plot on a terminal, JSON in a pipe.",
		Example: "  weir usage --meter api_calls --tenant acme --window day",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return m.usage(cmd, &f) },
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.meter, "meter", "", "the meter")
	cmd.Flags().StringVar(&f.tenant, "tenant", "", "the tenant (default: all of them)")
	cmd.Flags().StringVar(&f.from, "from", "", "start, RFC 3339 or 2026-01-31 (default: of this month)")
	cmd.Flags().StringVar(&f.to, "to", "", "end, not included (default: of this month)")
	cmd.Flags().StringVar(&f.window, "window", "", "minute, 15m, hour, day, week, month, billing or total (default total)")
	cmd.Flags().StringVar(&f.timeZone, "time-zone", "", "an IANA name such as Europe/Berlin (default: the tenant's, else UTC)")
	cmd.Flags().BoolVar(&f.fill, "fill", false, "also show windows without events")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "table, json or csv")
	return cmd
}

func (m *Main) usage(cmd *cobra.Command, f *usageFlags) error {
	asTable, err := m.wantTable(f.output, "table", "json", "csv")
	if err != nil {
		return err
	}
	if f.meter == "" {
		return wrongUsage("name a meter with --meter, such as api_calls")
	}
	q, err := f.query()
	if err != nil {
		return err
	}
	switch {
	case f.output == "csv":
		q.Set("format", "csv")
	case asTable:
		q.Set("fill", "zero") // a plot needs the empty windows
	}
	c, err := f.open()
	if err != nil {
		return err
	}
	answer, err := c.do(cmd.Context(), http.MethodGet, "/v1/usage?"+q.Encode(), "", nil)
	if err != nil {
		return err
	}
	if !asTable {
		_, err = m.stdout.Write(answer)
		return err
	}
	var rows usage.Rows
	if err := json.Unmarshal(answer, &rows); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return m.printRows(m.stdout, &rows)
}

func (f *usageFlags) query() (url.Values, error) {
	q := url.Values{"meter": {f.meter}}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("tenant_id", f.tenant)
	set("window", f.window)
	set("time_zone", f.timeZone)
	if f.fill {
		q.Set("fill", "zero")
	}
	for _, bound := range []struct{ name, text string }{{"from", f.from}, {"to", f.to}} {
		if bound.text == "" {
			continue
		}
		t, err := f.instant(bound.text)
		if err != nil {
			return nil, wrongUsage("--%s: %w", bound.name, err)
		}
		q.Set(bound.name, t.UTC().Format(time.RFC3339Nano))
	}
	return q, nil
}

// instant reads a time, or a date as its midnight in the zone of the question.
func (f *usageFlags) instant(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	loc := time.UTC
	if f.timeZone != "" {
		var err error
		if loc, err = time.LoadLocation(f.timeZone); err != nil {
			return time.Time{}, err
		}
	}
	t, err := time.ParseInLocation(time.DateOnly, text, loc)
	if err != nil {
		return t, fmt.Errorf("%q must be a time like 2026-01-31T00:00:00Z or a date like 2026-01-31", text)
	}
	return t, nil
}

// plotRowsMin is how many rows make a plot worth its lines.
const plotRowsMin = 3

func (m *Main) printRows(w io.Writer, rows *usage.Rows) error {
	loc, err := time.LoadLocation(rows.TimeZone)
	if err != nil {
		loc = time.UTC
	}
	layout := "2006-01-02 15:04"
	switch rows.Window {
	case usage.WindowDay, usage.WindowWeek, usage.WindowMonth:
		layout = time.DateOnly
	}
	fmt.Fprintf(w, "%s (%s%s), %s to %s, %s\n\n", rows.Meter, rows.Aggregation, unitSuffix(rows.Unit),
		rows.From.In(loc).Format(layout), rows.To.In(loc).Format(layout), loc)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "from\tvalue\t\t")
	plot := make([]float64, 0, len(rows.Data))
	for i := range rows.Data {
		row := &rows.Data[i]
		value, note := "-", ""
		if row.Value.IsSet() {
			value = row.Value.String()
		}
		if row.Partial {
			note = "partial"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t\n", row.WindowStart.In(loc).Format(layout), value, note)
		y, _ := strconv.ParseFloat(value, 64) // "-" plots as 0
		plot = append(plot, y)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(plot) >= plotRowsMin {
		options := []asciigraph.Option{asciigraph.Height(10), asciigraph.Precision(0), asciigraph.LowerBound(0)}
		if len(plot) < 72 {
			options = append(options, asciigraph.Width(72))
		} else {
			options = append(options, asciigraph.Width(min(len(plot), 100)))
		}
		if m.colours() {
			options = append(options, asciigraph.SeriesColors(asciigraph.Blue))
		}
		fmt.Fprintf(w, "\n%s\n", strings.TrimRight(asciigraph.Plot(plot, options...), "\n"))
	}
	if len(rows.Data) == 0 {
		fmt.Fprintln(w, "nothing was counted in this time")
	}
	return nil
}

func unitSuffix(unit string) string {
	if unit == "" {
		return ""
	}
	return ", " + unit
}
