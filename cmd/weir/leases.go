package main

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/usage"
)

// leaseRow is a lease as the server shows it.
type leaseRow struct {
	LeaseID   string        `json:"lease_id"`
	State     string        `json:"state"`
	Granted   usage.Decimal `json:"granted"`
	Used      usage.Decimal `json:"used"`
	Returned  usage.Decimal `json:"returned"`
	ExpiresAt time.Time     `json:"expires_at"`
	Allowed   *bool         `json:"allowed"` // of a denial
	Reason    string        `json:"reason"`
}

func leaseSaid(w io.Writer, answer []byte) error {
	return rowOf(answer, func(l *leaseRow) {
		switch {
		case l.Allowed != nil:
			fmt.Fprintf(w, "denied: %s\n", l.Reason)
		case l.State == "":
			fmt.Fprintf(w, "lease %s of %s until %s\n", l.LeaseID, l.Granted, l.ExpiresAt.Local().Format(time.DateTime))
		default:
			fmt.Fprintf(w, "lease %s is %s: %s of %s used, %s returned\n", l.LeaseID, l.State, l.Used, l.Granted, l.Returned)
		}
	})
}

// leasesCommand takes leases, shows and settles them.
func (m *Main) leasesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "leases", Short: "Take units to spend without asking again, and settle them", Args: noArgs,
		Example: "  weir leases take --tenant acme --feature api_calls --quantity 1000 --id worker-7\n  weir leases settle worker-7 --tenant acme --used 640 --release",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(m.leaseTake(), m.holdShow("leases", "Show a lease", leaseSaid), m.leaseSettle())
	return cmd
}

func (m *Main) leaseTake() *cobra.Command {
	var f requestFlags
	var ttl int
	var onExpiry string
	cmd := &cobra.Command{
		Use: "take --tenant T --feature F --quantity N", Short: "Take a lease, whole or not at all", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := f.body(true)
			if err != nil {
				return err
			}
			if ttl != 0 {
				body["ttl_seconds"] = ttl
			}
			if onExpiry != "" {
				body["on_expiry"] = onExpiry
			}
			denied := false
			if err := m.callSeeing(cmd, &f.resourceFlags, http.MethodPost, "/v1/leases", body, leaseSaid, func(answer []byte) error {
				return rowOf(answer, func(l *leaseRow) { denied = l.Allowed != nil })
			}); err != nil {
				return err
			}
			if denied {
				return deniedError{"denied: the quotas have no room for the whole lease"}
			}
			return nil
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.id, "id", "", "the lease's id (default: a new one)")
	cmd.Flags().IntVar(&ttl, "ttl", 0, "seconds until it expires (default 300, at most 86400)")
	cmd.Flags().StringVar(&onExpiry, "on-expiry", "", "charge or release (default charge)")
	return cmd
}

func (m *Main) leaseSettle() *cobra.Command {
	var f resourceFlags
	var tenant, used string
	var release bool
	cmd := &cobra.Command{
		Use: "settle ID --tenant T --used N", Short: "Count what was spent of a lease, in all so far", Args: namedArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if tenant == "" {
				return wrongUsage("give --tenant")
			}
			d, err := usage.ParseDecimal(used)
			if err != nil {
				return wrongUsage("--used: %w", err)
			}
			return m.call(cmd, &f, http.MethodPost, pathTo("leases", args[0], "settle"), map[string]any{"tenant_id": tenant, "used": d, "release": release}, leaseSaid)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&tenant, "tenant", "", "the tenant")
	cmd.Flags().StringVar(&used, "used", "", "what was spent in all so far")
	cmd.Flags().BoolVar(&release, "release", false, "also give back the rest, and end the lease")
	return cmd
}
