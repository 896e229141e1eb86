package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/httpapi"
	"github.com/weirhq/weir/usage"
)

// adjustCommand corrects what a meter counted.
func (m *Main) adjustCommand() *cobra.Command {
	var f resourceFlags
	var tenant, meter, quantity, reason, id, user, at string
	cmd := &cobra.Command{
		Use: "adjust --tenant T --meter M --quantity N --reason R", Short: "Correct what a sum or count meter counted", Args: noArgs,
		Example: "  weir adjust --tenant acme --meter api_calls --quantity=-250 --reason 'outage of 3 March'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := usage.ParseDecimal(quantity)
			if err != nil {
				return wrongUsage("--quantity: %w", err)
			}
			if tenant == "" || meter == "" || reason == "" {
				return wrongUsage("give --tenant, --meter and --reason")
			}
			if id == "" {
				id = httpapi.NewEventID()
			}
			body := map[string]any{"id": id, "tenant_id": tenant, "meter": meter, "quantity": d, "reason": reason}
			for name, value := range map[string]string{"user_id": user, "timestamp": at} { // order-free: a JSON object
				if value != "" {
					body[name] = value
				}
			}
			return m.call(cmd, &f, http.MethodPost, "/v1/adjustments", body, outcomeSaid)
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&tenant, "tenant", "", "the tenant")
	flags.StringVar(&meter, "meter", "", "the meter")
	flags.StringVar(&quantity, "quantity", "", "the signed difference")
	flags.StringVar(&reason, "reason", "", "why, for the audit")
	flags.StringVar(&id, "id", "", "the adjustment's id; the same id counts once (default: a new one)")
	flags.StringVar(&user, "user", "", "the user it is for")
	flags.StringVar(&at, "time", "", "the moment it counts at, RFC 3339 (default: now)")
	return cmd
}

// outcomeSaid shows what became of a write.
func outcomeSaid(w io.Writer, answer []byte) error {
	return rowOf(answer, func(o *usage.Outcome) { fmt.Fprintf(w, "%s %s\n", o.ID, o.Status) })
}

// tenantReset gives back what a quota has used.
func (m *Main) tenantReset() *cobra.Command {
	var f resourceFlags
	var reason, id string
	cmd := &cobra.Command{
		Use: "reset ID QUOTA --reason R", Short: "Give back what a quota of a tenant has used", Args: namedArgs("ID", "QUOTA"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return wrongUsage("give --reason: it is kept in the audit")
			}
			if id == "" {
				id = httpapi.NewEventID()
			}
			return m.call(cmd, &f, http.MethodPost, pathTo("tenants", args[0], "quotas", args[1], "reset"), map[string]string{"id": id, "reason": reason}, outcomeSaid)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit")
	cmd.Flags().StringVar(&id, "id", "", "the reset's id; the same id resets once (default: a new one)")
	return cmd
}

// tenantUsers lists users whom quotas of user scope have counted.
func (m *Main) tenantUsers() *cobra.Command {
	var f resourceFlags
	var page listing
	var quota string
	var near bool
	cmd := &cobra.Command{
		Use: "users ID", Short: "List the users of a tenant with their quotas", Args: namedArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{}
			if quota != "" {
				q.Set("quota", quota)
			}
			if near {
				q.Set("near_limit", strconv.FormatBool(near))
			}
			return m.call(cmd, &f, http.MethodGet, pathTo("tenants", args[0], "users")+page.query(q), nil,
				tableOf("USER\tQUOTAS", func(w io.Writer, u *struct {
					UserID string `json:"user_id"`
					Quotas []usage.QuotaStatus
				}) {
					parts := make([]string, len(u.Quotas))
					for i, q := range u.Quotas {
						parts[i] = q.Quota + " " + q.Used.String() + " of " + limitText(q.Limit)
					}
					fmt.Fprintf(w, "%s\t%s\n", u.UserID, strings.Join(parts, ", "))
				}, "no quota of user scope has counted anybody"))
		},
	}
	f.register(cmd)
	page.register(cmd)
	cmd.Flags().StringVar(&quota, "quota", "", "only this quota")
	cmd.Flags().BoolVar(&near, "near-limit", false, "only those beyond a warning")
	return cmd
}

func limitText(d usage.Decimal) string {
	if !d.IsSet() {
		return "unlimited"
	}
	return d.String()
}
