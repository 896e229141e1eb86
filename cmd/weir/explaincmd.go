package main

// What lies behind a number: events, the number itself explained, and taking an event back.

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/usage"
)

func (m *Main) eventsCommand() *cobra.Command {
	var tenant, feature, from, to string
	cmd := m.journal(&cobra.Command{
		Use: "events [--tenant T]", Short: "List what was counted, the newest first",
		Example: "  weir events --tenant acme --feature api_calls",
	}, "/v1/events", func(q url.Values) error {
		for name, value := range map[string]string{"tenant_id": tenant, "feature_type": feature, "from": from, "to": to} { // order-free: a query string
			if value != "" {
				q.Set(name, value)
			}
		}
		return nil
	}, tableOf("RECEIVED\tID\tTENANT\tUSER\tFEATURE\tQUANTITY\tHAPPENED\tSTATUS\tINDEX", func(w io.Writer, r *usage.EventRecord) {
		quantity := "1"
		if r.Quantity.IsSet() {
			quantity = r.Quantity.String()
		}
		feature := r.FeatureType
		for _, it := range r.Items {
			feature = strings.TrimPrefix(feature+","+it.FeatureType, ",")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", r.ReceivedAt.Local().Format(time.DateTime), r.ID, r.TenantID, dash(&r.UserID), feature,
			quantity, r.Timestamp.Local().Format(time.DateTime), r.Status, r.Index)
	}, "nothing was counted"))
	cmd.Flags().StringVar(&tenant, "tenant", "", "the tenant (default: all of them)")
	cmd.Flags().StringVar(&feature, "feature", "", "only this feature")
	cmd.Flags().StringVar(&from, "from", "", "only what happened since then, RFC 3339")
	cmd.Flags().StringVar(&to, "to", "", "only what happened before, RFC 3339")
	return cmd
}

func (m *Main) voidCommand() *cobra.Command {
	var f resourceFlags
	var tenant, source, reason string
	cmd := &cobra.Command{
		Use: "void ID --tenant T --reason R", Short: "Take an event or consume back", Args: namedArgs("ID"),
		Long:    "Take an event or consume back: out of every number, and out of the quotas of its period, which have room again. Its id stays used.",
		Example: "  weir void req-81 --tenant acme --reason 'load test'",
		RunE: func(cmd *cobra.Command, args []string) error {
			if tenant == "" || reason == "" {
				return wrongUsage("give --tenant and --reason")
			}
			body := map[string]any{"tenant_id": tenant, "reason": reason}
			if source != "" {
				body["source"] = source
			}
			return m.call(cmd, &f, http.MethodPost, pathTo("events", args[0], "void"), body, outcomeSaid)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&tenant, "tenant", "", "the tenant")
	cmd.Flags().StringVar(&source, "source", "", "the source of the event")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit")
	return cmd
}

func (m *Main) explainCommand() *cobra.Command {
	var f resourceFlags
	var page listing
	var period, from, to, zone, decision string
	cmd := &cobra.Command{
		Use: "explain TENANT METER", Short: "Trace a number, or a decision, back to what it was made of",
		Example: "  weir explain acme api_calls --period 2026-11\n  weir explain acme --decision req-81",
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{}
			names := []string{"TENANT", "METER"}
			if decision != "" {
				names = names[:1]
				q.Set("decision", decision)
			}
			if err := namedArgs(names...)(cmd, args); err != nil {
				return err
			}
			q.Set("tenant_id", args[0])
			if decision == "" {
				q.Set("meter", args[1])
				if err := explainRange(q, period, from, to, zone); err != nil {
					return err
				}
			}
			path := "/v1/explain" + page.query(q)
			if decision != "" {
				path = "/v1/explain?" + q.Encode()
			}
			return m.call(cmd, &f, http.MethodGet, path, nil, printExplanation)
		},
	}
	f.register(cmd)
	page.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&period, "period", "", "a month, such as 2026-11, or a day, such as 2026-11-03 (default: this month)")
	flags.StringVar(&from, "from", "", "start, RFC 3339, instead of a period")
	flags.StringVar(&to, "to", "", "end, not included")
	flags.StringVar(&zone, "time-zone", "", "an IANA name such as Europe/Berlin (default: UTC)")
	flags.StringVar(&decision, "decision", "", "the id of a consume, reservation or lease to explain instead")
	return cmd
}

// explainRange turns a period into from and to.
func explainRange(q url.Values, period, from, to, zone string) error {
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("from", from)
	set("to", to)
	set("time_zone", zone)
	if period == "" {
		return nil
	}
	if from != "" || to != "" {
		return wrongUsage("give --period, or --from and --to")
	}
	loc := time.UTC
	if zone != "" {
		var err error
		if loc, err = time.LoadLocation(zone); err != nil {
			return wrongUsage("--time-zone: %w", err)
		}
	}
	start, err := time.ParseInLocation("2006-01", period, loc)
	end := start.AddDate(0, 1, 0)
	if err != nil {
		if start, err = time.ParseInLocation(time.DateOnly, period, loc); err != nil {
			return wrongUsage("--period %q must be a month like 2026-11 or a day like 2026-11-03", period)
		}
		end = start.AddDate(0, 0, 1)
	}
	q.Set("from", start.UTC().Format(time.RFC3339))
	q.Set("to", end.UTC().Format(time.RFC3339))
	return nil
}

// printExplanation shows the steps one after another.
func printExplanation(w io.Writer, answer []byte) error {
	return rowOf(answer, func(x *usage.Explanation) {
		for i := range x.Steps {
			s := &x.Steps[i]
			fmt.Fprintf(w, "%d. %s\n", s.Number, s.Title)
			t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			printStep(t, s)
			_ = t.Flush() // w is a terminal or a buffer; its error shows at the next line
		}
		fmt.Fprintf(w, "as of block %d, %s\n", x.AsOf.Index, x.AsOf.Time.Format(time.RFC3339))
	})
}

func printStep(w io.Writer, s *usage.ExplainStep) {
	for i := range s.Buckets {
		b := &s.Buckets[i]
		fmt.Fprintf(w, "   %s\t%s\n", b.WindowStart.Format(time.RFC3339), decimalOrDash(b.Value))
	}
	if e := s.Events; e != nil {
		n := &e.Counts
		fmt.Fprintf(w, "   counted %d (late %d), voided %d, duplicate %d, conflict %d, rejected %d, denied %d, adjustments %d, bookings %d\n",
			n.Counted, n.Late, n.Voided, n.Duplicate, n.Conflict, n.Rejected, n.Denied, n.Adjustments, n.Bookings)
		for i := range e.Data {
			ev := &e.Data[i]
			note := ev.Reason
			if ev.Voided != nil {
				note = ev.Voided.Reason
			} else if ev.Late {
				note = "late, received " + ev.ReceivedAt.Format(time.RFC3339)
			}
			fmt.Fprintf(w, "   %s\t%s\t%s\t%s\t%s\n", ev.Timestamp.Format(time.RFC3339), ev.ID, ev.Status, decimalOrDash(ev.Value), note)
		}
		if e.NextCursor != nil {
			fmt.Fprintf(w, "   more: --cursor %s\n", *e.NextCursor)
		}
	}
	if r := s.Rules; r != nil {
		for i := range r.Quotas {
			q := &r.Quotas[i]
			fmt.Fprintf(w, "   quota %s\tused %s of %s\t%s\n", q.Quota, q.Used, decimalOrDash(q.Limit), q.Period)
		}
	}
	if d := s.Decision; d != nil {
		fmt.Fprintf(w, "   %s\tattempt %d\tbinding quota %s\n", d.Status, d.Attempts, dash(d.BindingQuota))
		for i := range d.Quotas {
			q := &d.Quotas[i]
			fmt.Fprintf(w, "   quota %s\tused %s, reserved %s of %s before\tcost %s\trow %s: %s\n", q.Before.Quota, q.Before.Used, q.Before.Reserved,
				decimalOrDash(q.Before.Limit), q.Cost, q.Row, q.Rule)
		}
	}
}

func decimalOrDash(d usage.Decimal) string {
	if !d.IsSet() {
		return "-"
	}
	return d.String()
}
