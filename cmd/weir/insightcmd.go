package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/guptarohit/asciigraph"
	"github.com/spf13/cobra"

	"github.com/weirhq/weir/usage"
)

// overviewCommand shows how everything stands.
func (m *Main) overviewCommand() *cobra.Command {
	var f resourceFlags
	var width, meter string
	cmd := &cobra.Command{
		Use: "overview", Short: "Show how everything stands", Args: noArgs,
		Long:    "Show how all tenants together stand: what was counted, beside the time before, who used most, and which quotas need attention.",
		Example: "  weir overview\n  weir overview --range month --meter llm_tokens",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"range": {width}}
			if meter != "" {
				q.Set("meter", meter)
			}
			return m.call(cmd, &f, http.MethodGet, pathTo("overview")+"?"+q.Encode(), nil, printOverview)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&width, "range", "24h", "month, 1h to 96h, or days such as 7d")
	cmd.Flags().StringVar(&meter, "meter", "", "whose top tenants are shown (default: the one that most tenants use)")
	return cmd
}

// attentionRow is a quota that needs attention, with its forecast.
type attentionRow struct {
	usage.QuotaAttention
	CrossesLimitAt *time.Time `json:"crosses_limit_at"`
}

func printOverview(w io.Writer, answer []byte) error {
	var o struct {
		usage.Overview
		Attention []attentionRow `json:"attention"`
	}
	if err := json.Unmarshal(answer, &o); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	fmt.Fprintf(w, "%s to %s UTC, beside the time before\n\n", o.From.Format("2006-01-02 15:04"), o.To.Format("2006-01-02 15:04"))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	items, before := o.Items, o.Items.Previous
	for _, line := range []struct {
		name      string
		now, then int64
	}{{"counted", items.Counted, before.Counted}, {"duplicates", items.Duplicates, before.Duplicates}, {"conflicts", items.Conflicts, before.Conflicts},
		{"rejected", items.Rejected, before.Rejected}, {"denied", items.Denied, before.Denied}} {
		fmt.Fprintf(t, "%s\t%d\t%s\n", line.name, line.now, change(usage.Int(line.now), usage.Int(line.then)))
	}
	fmt.Fprintf(t, "a second\t%s\t\nactive tenants\t%d of %d\t\n", items.PerSecond, o.ActiveTenants, o.Tenants)
	if len(o.Meters) > 0 {
		fmt.Fprintln(t, "\nMETER\tVALUE\tCHANGE\tOF")
	}
	for _, meter := range o.Meters {
		fmt.Fprintf(t, "%s\t%s%s\t%s\t%s\n", meter.Meter, textOf(meter.Value), spaced(meter.Unit), change(meter.Value, meter.Previous), meter.Basis)
	}
	if len(o.Top.Data) > 0 {
		fmt.Fprintf(t, "\nTOP BY %s\tVALUE\tPLAN\tOF LIMIT\n", strings.ToUpper(o.Top.Meter))
	}
	for _, x := range o.Top.Data {
		share := "-"
		if x.Quota != nil {
			share = x.Quota.Percentage.String() + " %"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", x.TenantID, x.Value, cmp.Or(x.Plan, "-"), share)
	}
	if len(o.Attention) > 0 {
		fmt.Fprintf(t, "\nNEEDS ATTENTION (%d)\tQUOTA\tUSED\tLIMIT\tWHY\tCROSSES\n", o.NeedAttention)
	}
	for _, a := range o.Attention {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", a.TenantID, a.Quota.Quota, a.Quota.Used, a.Quota.Limit, a.Why, momentOf(a.CrossesLimitAt))
	}
	return t.Flush()
}

// forecastCommand shows where a meter is heading.
func (m *Main) forecastCommand() *cobra.Command {
	var f resourceFlags
	var tenant, meter string
	cmd := &cobra.Command{
		Use: "forecast --tenant T --meter M", Short: "Show where a meter of a tenant is heading", Args: noArgs,
		Long:    "Project the open period of a quota, else the billing period, to its end: a table and a plot on a terminal, JSON in a pipe.",
		Example: "  weir forecast --tenant acme --meter api_calls",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if tenant == "" || meter == "" {
				return wrongUsage("name a tenant with --tenant and a meter with --meter")
			}
			return m.call(cmd, &f, http.MethodGet, pathTo("tenants", tenant, "forecast")+"?"+url.Values{"meter": {meter}}.Encode(), nil, m.printForecast)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&tenant, "tenant", "", "the tenant")
	cmd.Flags().StringVar(&meter, "meter", "", "the meter: one of sum or count")
	return cmd
}

func (m *Main) printForecast(w io.Writer, answer []byte) error {
	var r struct {
		Meter, Unit, Confidence string
		Quota, Note             *string
		Limit, Used             usage.Decimal
		Period                  usage.Interval
		ProjectedTotal          usage.Decimal    `json:"projected_total"`
		LikelyOverage           usage.Decimal    `json:"likely_overage"`
		DailyRate               usage.Decimal    `json:"daily_rate"`
		CrossesLimitAt          *time.Time       `json:"crosses_limit_at"`
		Band                    *[2]json.Number  `json:"band"`
		Series                  []forecastedStep `json:"series"`
	}
	if err := json.Unmarshal(answer, &r); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s%s\t%s to %s UTC\n", r.Meter, spaced(r.Unit), r.Period.Start.Format("2006-01-02 15:04"), r.Period.End.Format("2006-01-02 15:04"))
	if r.Quota != nil {
		fmt.Fprintf(t, "limit\t%s, quota %s\n", r.Limit, *r.Quota)
	}
	fmt.Fprintf(t, "used\t%s\n", r.Used)
	if r.Note != nil {
		fmt.Fprintf(t, "forecast\tnone: %s\n", *r.Note)
		return t.Flush()
	}
	fmt.Fprintf(t, "at the end\t%s, likely %s to %s\nover the limit by\t%s\ncrosses the limit\t%s\na day\t%s\nconfidence\t%s\n", r.ProjectedTotal,
		r.Band[0], r.Band[1], r.LikelyOverage, momentOf(r.CrossesLimitAt), r.DailyRate, r.Confidence)
	if err := t.Flush(); err != nil || len(r.Series) < plotRowsMin {
		return err
	}
	lines := [][]float64{nil}
	for _, s := range r.Series {
		lines[0] = append(lines[0], s.Cumulative)
	}
	options := []asciigraph.Option{asciigraph.Height(10), asciigraph.Width(72), asciigraph.Precision(0), asciigraph.Caption("used and expected, from now on; flat: the limit")}
	if r.Limit.IsSet() {
		limit, err := strconv.ParseFloat(r.Limit.String(), 64)
		if err != nil {
			return err
		}
		lines = append(lines, slices.Repeat([]float64{limit}, len(lines[0])))
	}
	if m.colours() {
		options = append(options, asciigraph.SeriesColors(asciigraph.Blue, asciigraph.Red))
	}
	fmt.Fprintf(w, "\n%s\n", strings.TrimRight(asciigraph.PlotMany(lines, options...), "\n"))
	return nil
}

type forecastedStep struct{ Cumulative float64 }

// recommendationsCommand shows what could be better for a tenant.
func (m *Main) recommendationsCommand() *cobra.Command {
	var f resourceFlags
	var tenant string
	cmd := &cobra.Command{
		Use: "recommendations --tenant T", Short: "Show what could be better for a tenant", Args: noArgs,
		Long: "Show what a tenant's last billing periods suggest: another plan, a rate for its peaks, what drives its usage, what it does not use.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if tenant == "" {
				return wrongUsage("name a tenant with --tenant")
			}
			return m.call(cmd, &f, http.MethodGet, pathTo("tenants", tenant, "recommendations"), nil, tableOf("KIND\tMETER\tPLAN\tWHY",
				func(w io.Writer, r *struct{ Kind, Meter, Plan, Reason string }) {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Kind, cmp.Or(r.Meter, "-"), cmp.Or(r.Plan, "-"), r.Reason)
				}, "nothing: the plan fits, or no billing period is over yet"))
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&tenant, "tenant", "", "the tenant")
	return cmd
}

// change is how much now is above then, in percent; a dash when there is nothing to compare with.
func change(now, then usage.Decimal) string {
	if !now.IsSet() || !then.IsSet() || then.Sign() <= 0 {
		return "-"
	}
	a, errA := strconv.ParseFloat(now.String(), 64)
	b, errB := strconv.ParseFloat(then.String(), 64)
	if errA != nil || errB != nil {
		return "-"
	}
	return fmt.Sprintf("%+.0f %%", 100*(a-b)/b)
}

func textOf(d usage.Decimal) string {
	if !d.IsSet() {
		return "-"
	}
	return d.String()
}

func spaced(unit string) string {
	if unit == "" {
		return ""
	}
	return " " + unit
}

func momentOf(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}
