package main

// What has happened: decisions, threshold crossings, the audit.

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/usage"
)

// journal is a command that lists one of them. query adds to the query string; it may be nil.
func (m *Main) journal(cmd *cobra.Command, path string, query func(url.Values) error, table func(io.Writer, []byte) error) *cobra.Command {
	var f resourceFlags
	var page listing
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		q := url.Values{}
		if query != nil {
			if err := query(q); err != nil {
				return err
			}
		}
		return m.call(cmd, &f, http.MethodGet, path+page.query(q), nil, table)
	}
	f.register(cmd)
	page.register(cmd)
	return cmd
}

func (m *Main) decisionsCommand() *cobra.Command {
	var tenant, decision, from string
	cmd := m.journal(&cobra.Command{
		Use: "decisions --tenant T", Short: "List the newest decisions of a tenant",
		Example: "  weir decisions --tenant acme --decision block",
	}, "/v1/decisions", func(q url.Values) error {
		if tenant == "" {
			return wrongUsage("name a tenant with --tenant")
		}
		q.Set("tenant_id", tenant)
		if decision != "" {
			q.Set("decision", decision)
		}
		if from != "" {
			q.Set("from", from)
		}
		return nil
	}, tableOf("TIME\tID\tUSER\tFEATURE\tQUANTITY\tDECISION\tREASON\tQUOTA", func(w io.Writer, d *struct {
		ID           string
		Time         time.Time
		User         string `json:"user_id"`
		Feature      string `json:"feature_type"`
		Quantity     usage.Decimal
		Decision     string
		Reason       *string
		BindingQuota *string `json:"binding_quota"`
	}) {
		quantity := "1"
		if d.Quantity.IsSet() {
			quantity = d.Quantity.String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.Time.Local().Format(time.DateTime), d.ID, dash(&d.User), d.Feature, quantity, d.Decision,
			dash(d.Reason), dash(d.BindingQuota))
	}, "no decisions are remembered"))
	cmd.Flags().StringVar(&tenant, "tenant", "", "the tenant")
	cmd.Flags().StringVar(&decision, "decision", "", "only these: allow, warn, throttle, overage or block")
	cmd.Flags().StringVar(&from, "from", "", "only since then, RFC 3339")
	return cmd
}

func (m *Main) crossingsCommand() *cobra.Command {
	var tenant string
	cmd := m.journal(&cobra.Command{Use: "crossings", Short: "List the warning thresholds that usage has reached"}, "/v1/crossings", func(q url.Values) error {
		if tenant != "" {
			q.Set("tenant_id", tenant)
		}
		return nil
	}, tableOf("TIME\tTENANT\tUSER\tQUOTA\tTHRESHOLD\tUSED\tLIMIT", func(w io.Writer, x *usage.Crossing) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d %%\t%s\t%s\n", x.Time.Local().Format(time.DateTime), x.TenantID, dash(x.UserID), x.Quota, x.Threshold, x.Used, x.Limit)
	}, "no threshold was reached"))
	cmd.Flags().StringVar(&tenant, "tenant", "", "only this tenant's")
	return cmd
}

func (m *Main) auditCommand() *cobra.Command {
	return m.journal(&cobra.Command{Use: "audit", Short: "List every change of configuration"}, "/v1/audit", nil,
		tableOf("NUMBER\tTIME\tWHO\tACTION\tWHAT", func(w io.Writer, x *struct {
			Number                uint64
			Time                  time.Time
			Actor, Action, Target string
		}) {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", x.Number, x.Time.Local().Format(time.DateTime), dash(&x.Actor), x.Action, x.Target)
		}, "nothing was changed"))
}

// dash is a text, or "-" where there is none.
func dash(s *string) string {
	if s == nil || *s == "" {
		return "-"
	}
	return *s
}
