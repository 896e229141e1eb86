package main

import (
	"encoding/json"
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

// tenantsCommand lists tenants; below it they are read, put and deleted, and their quotas shown.
func (m *Main) tenantsCommand() *cobra.Command {
	var f resourceFlags
	var page listing
	var query, plan string
	var near bool
	list := &cobra.Command{
		Use: "tenants", Short: "List, show, put and delete tenants, and their quotas", Args: noArgs,
		Example: "  weir tenants --near-limit\n  weir tenants put acme --plan free --time-zone Europe/Berlin\n  weir tenants quotas acme",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			for name, value := range map[string]string{"q": query, "plan": plan} { // order-free: a query is a set
				if value != "" {
					q.Set(name, value)
				}
			}
			if near {
				q.Set("near_limit", "true")
			}
			return m.call(cmd, &f, http.MethodGet, "/v1/tenants"+page.query(q), nil, tenantTable)
		},
	}
	f.register(list)
	page.register(list)
	list.Flags().StringVar(&query, "q", "", "part of the id or name")
	list.Flags().StringVar(&plan, "plan", "", "only those on this plan")
	list.Flags().BoolVar(&near, "near-limit", false, "only those near or over a limit")
	list.AddCommand(m.getter("show ID", "Show a tenant as JSON", func(a []string) string { return pathTo("tenants", a[0]) }, "ID"), m.tenantPut(), m.tenantPlan(), m.tenantQuotas(), m.tenantOverride(), m.tenantReset(), m.tenantUsers(),
		m.removal("delete ID", "Delete what was said of a tenant; its usage stays", func(a []string) string { return pathTo("tenants", a[0]) }, "ID"))
	return list
}

type tenantRow struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Plan        *string `json:"plan"`
	PlanVersion int     `json:"plan_version"`
	TimeZone    string  `json:"time_zone"`
	PendingPlan *struct {
		Plan      string `json:"plan"`
		Effective string `json:"effective"`
	} `json:"pending_plan"`
	Overrides []struct {
		Quota string `json:"quota"`
	} `json:"overrides"`
}

func tenantTable(w io.Writer, answer []byte) error {
	return tableOf("TENANT\tNAME\tPLAN\tZONE\tOVERRIDES", func(w io.Writer, t *tenantRow) {
		names := make([]string, len(t.Overrides))
		for i, o := range t.Overrides {
			names[i] = o.Quota
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.ID, t.Name, t.planText(), t.TimeZone, strings.Join(names, ", "))
	}, "there are no such tenants")(w, answer)
}

func (t *tenantRow) planText() string {
	text := "-"
	if t.Plan != nil {
		text = fmt.Sprintf("%s v%d", *t.Plan, t.PlanVersion)
	}
	if t.PendingPlan != nil {
		text += ", then " + t.PendingPlan.Plan
	}
	return text
}

// tenantSaid shows where a change has led.
func tenantSaid(w io.Writer, answer []byte) error {
	var t tenantRow
	if err := json.Unmarshal(answer, &t); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	fmt.Fprintf(w, "tenant %s: plan %s, zone %s\n", t.ID, t.planText(), t.TimeZone)
	return nil
}

func (m *Main) tenantPut() *cobra.Command {
	var f resourceFlags
	in := make(map[string]*string)
	cmd := &cobra.Command{
		Use: "put ID", Short: "Make a tenant, or replace what is said of it", Args: namedArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := make(map[string]string)
			for name, value := range in { // order-free: a JSON object
				if *value != "" {
					body[name] = *value
				}
			}
			return m.call(cmd, &f, http.MethodPut, pathTo("tenants", args[0]), body, tenantSaid)
		},
	}
	f.register(cmd)
	for _, x := range []struct{ flag, field, help string }{
		{"name", "name", "a name for people"}, {"plan", "plan", "the plan (default: the settings' default plan)"},
		{"time-zone", "time_zone", "an IANA name such as Europe/Berlin (default UTC)"}, {"billing-anchor", "billing_anchor", "where its billing periods begin, RFC 3339"},
	} {
		in[x.field] = cmd.Flags().String(x.flag, "", x.help)
	}
	return cmd
}

func (m *Main) tenantPlan() *cobra.Command {
	var f resourceFlags
	var effective string
	var number int
	cmd := &cobra.Command{
		Use: "plan ID PLAN", Short: "Move a tenant to a plan; what it used in the open period stays", Args: namedArgs("ID", "PLAN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return m.call(cmd, &f, http.MethodPost, pathTo("tenants", args[0], "plan"),
				usage.PlanChange{Plan: args[1], Version: number, Effective: effective}, tenantSaid)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&effective, "effective", "now", "now, period_end, or an RFC 3339 time")
	cmd.Flags().IntVar(&number, "version", 0, "a version of the plan (default: the newest)")
	return cmd
}

func (m *Main) tenantQuotas() *cobra.Command {
	var f resourceFlags
	var user string
	cmd := &cobra.Command{
		Use: "quotas ID", Short: "Show how every quota of a tenant stands", Args: namedArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := pathTo("tenants", args[0], "quotas")
			if user != "" {
				path += "?user_id=" + url.QueryEscape(user)
			}
			return m.call(cmd, &f, http.MethodGet, path, nil, func(w io.Writer, answer []byte) error {
				var list struct{ Data []usage.QuotaStatus }
				if err := json.Unmarshal(answer, &list); err != nil {
					return fmt.Errorf("read the answer: %w", err)
				}
				return m.printQuotas(w, list.Data)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&user, "user", "", "also the quotas of this user")
	return cmd
}

// printQuotas shows quotas as a table with bars.
func (m *Main) printQuotas(w io.Writer, quotas []usage.QuotaStatus) error {
	if len(quotas) == 0 {
		fmt.Fprintln(w, "no quotas hold here; put the tenant on a plan with weir tenants put ID --plan PLAN")
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "QUOTA\tPERIOD\tUSED\tHELD\tLIMIT\tLEFT\t\tDECISION\tRESETS")
	for i := range quotas {
		q := &quotas[i]
		limit, left, reset := "unlimited", "-", "-"
		if q.Limit.IsSet() {
			limit, left = q.Limit.String(), q.Remaining.String()
		}
		if q.ResetAt != nil {
			reset = q.ResetAt.Local().Format("2006-01-02 15:04")
		}
		name, decision := q.Quota, string(q.Decision)
		if q.UserID != nil {
			name += " of " + *q.UserID
		}
		if q.Would != nil {
			decision = "would " + string(*q.Would)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, q.Period, q.Used, q.Reserved, limit, left, bar(q.Percentage), decision, reset)
	}
	return t.Flush()
}

// bar draws a percentage, ten cells for a hundred.
func bar(percent usage.Decimal) string {
	if !percent.IsSet() {
		return ""
	}
	coef, scale := percent.Parts()
	for range scale {
		coef /= 10
	}
	full := int(min(coef, 100)) / 10
	return strings.Repeat("█", full) + strings.Repeat("░", 10-full) + " " + percent.String() + "%"
}

func (m *Main) tenantOverride() *cobra.Command {
	var f resourceFlags
	var limit, fields, from, until string
	var remove bool
	cmd := &cobra.Command{
		Use: "override ID QUOTA", Short: "Change a quota for one tenant", Args: namedArgs("ID", "QUOTA"),
		Example: "  weir tenants override acme api-monthly --limit 5000 --until 2026-12-31T00:00:00Z\n  weir tenants override acme api-monthly --delete",
		RunE: func(cmd *cobra.Command, args []string) error {
			path := pathTo("tenants", args[0], "quotas", args[1])
			if remove {
				return m.call(cmd, &f, http.MethodDelete, path, nil, nil)
			}
			body := make(map[string]json.RawMessage)
			if fields != "" {
				if err := json.Unmarshal([]byte(fields), &body); err != nil {
					return wrongUsage("--fields must be a JSON object: %w", err)
				}
			}
			switch {
			case limit == "unlimited":
				body["limit"] = json.RawMessage("null")
			case limit != "":
				d, err := usage.ParseDecimal(limit)
				if err != nil {
					return wrongUsage("--limit: %w", err)
				}
				body["limit"] = json.RawMessage(d.String())
			}
			for name, text := range map[string]string{"effective_from": from, "effective_until": until} { // order-free: a JSON object
				if text == "" {
					continue
				}
				at, err := time.Parse(time.RFC3339, text)
				if err != nil {
					return wrongUsage("%q must be a time like 2026-01-31T00:00:00Z", text)
				}
				raw, err := json.Marshal(at)
				if err != nil {
					return err
				}
				body[name] = raw
			}
			if len(body) == 0 {
				return wrongUsage("say what changes: --limit, or --fields with any fields of a quota")
			}
			return m.call(cmd, &f, http.MethodPut, path, body, indented)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&limit, "limit", "", "the limit, or unlimited")
	cmd.Flags().StringVar(&fields, "fields", "", "fields of a quota as a JSON object")
	cmd.Flags().StringVar(&from, "from", "", "when it begins, RFC 3339 (default: now)")
	cmd.Flags().StringVar(&until, "until", "", "when it ends, RFC 3339 (default: never)")
	cmd.Flags().BoolVar(&remove, "delete", false, "end the override")
	return cmd
}
