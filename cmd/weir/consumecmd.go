package main

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/httpapi"
	"github.com/weirhq/weir/usage"
)

// deniedError is a call that a quota blocked: exit code 3.
type deniedError struct{ text string }

func (e deniedError) Error() string { return e.text }

// requestFlags describe what is asked for.
type requestFlags struct {
	resourceFlags
	tenant, user, feature, quantity, id string
}

func (f *requestFlags) register(cmd *cobra.Command) {
	f.resourceFlags.register(cmd)
	cmd.Flags().StringVar(&f.tenant, "tenant", "", "the tenant")
	cmd.Flags().StringVar(&f.user, "user", "", "the user")
	cmd.Flags().StringVar(&f.feature, "feature", "", "the feature type")
	cmd.Flags().StringVar(&f.quantity, "quantity", "", "the quantity (default 1; 0 only asks)")
}

// body is the request as the API takes it. An id is made here, so that a retry of the request is a retry of the call.
func (f *requestFlags) body(withID bool) (map[string]any, error) {
	if f.tenant == "" || f.feature == "" {
		return nil, wrongUsage("give --tenant and --feature")
	}
	body := map[string]any{"tenant_id": f.tenant, "feature_type": f.feature}
	if f.user != "" {
		body["user_id"] = f.user
	}
	if f.quantity != "" {
		d, err := usage.ParseDecimal(f.quantity)
		if err != nil {
			return nil, wrongUsage("--quantity: %w", err)
		}
		body["quantity"] = d
	}
	if withID {
		if f.id == "" {
			f.id = httpapi.NewEventID()
		}
		body["id"] = f.id
	}
	return body, nil
}

func (m *Main) consumeCommand() *cobra.Command {
	var f requestFlags
	cmd := &cobra.Command{
		Use: "consume --tenant T --feature F", Short: "Ask every quota, and count when all allow it", Args: noArgs,
		Long:    "Asks every quota that the feature counts in, and counts when all allow it. Exit code 3 when a quota blocks it.",
		Example: "  weir consume --tenant acme --feature api_calls --quantity 5",
		RunE:    func(cmd *cobra.Command, _ []string) error { return m.decide(cmd, &f, "/v1/consume", true, nil) },
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.id, "id", "", "the call's id; the same id counts once (default: a new one)")
	return cmd
}

func (m *Main) checkCommand() *cobra.Command {
	var f requestFlags
	cmd := &cobra.Command{
		Use: "check --tenant T --feature F", Short: "Ask every quota, and count nothing", Args: noArgs,
		Long: "Answers what consume would, and counts nothing. Exit code 3 when a quota would block it.",
		RunE: func(cmd *cobra.Command, _ []string) error { return m.decide(cmd, &f, "/v1/check", false, nil) },
	}
	f.register(cmd)
	return cmd
}

// decide asks, shows the answer, and fails with exit code 3 when it is no.
func (m *Main) decide(cmd *cobra.Command, f *requestFlags, path string, withID bool, more map[string]any) error {
	body, err := f.body(withID)
	if err != nil {
		return err
	}
	for name, value := range more { // order-free: a JSON object
		body[name] = value
	}
	return m.show(cmd, &f.resourceFlags, path, body)
}

// show posts body and shows the answer of a decision.
func (m *Main) show(cmd *cobra.Command, f *resourceFlags, path string, body any) error {
	var a usage.Answer
	err := m.callSeeing(cmd, f, http.MethodPost, path, body,
		func(w io.Writer, _ []byte) error { return m.printAnswer(w, &a) },
		func(answer []byte) error { return rowOf(answer, func(x *usage.Answer) { a = *x }) })
	if err == nil && !a.Allowed {
		return deniedError{deniedText(&a)}
	}
	return err
}

func (m *Main) printAnswer(w io.Writer, a *usage.Answer) error {
	fmt.Fprintf(w, "%s, %s", a.Decision, a.Status)
	if a.ReservationID != "" {
		fmt.Fprintf(w, "; reservation %s until %s", a.ReservationID, a.ExpiresAt.Local().Format(time.DateTime))
	}
	if a.DelayMS > 0 {
		fmt.Fprintf(w, "; wait %d ms", a.DelayMS)
	}
	fmt.Fprintln(w)
	if len(a.Quotas) == 0 {
		return nil
	}
	return m.printQuotas(w, a.Quotas)
}

func deniedText(a *usage.Answer) string {
	text := "denied: " + string(a.Reason)
	if a.BindingQuota != nil {
		text += " by quota " + *a.BindingQuota
	}
	if a.RetryAfterMS != nil {
		text += fmt.Sprintf("; it may be worth asking again in %s", (time.Duration(*a.RetryAfterMS) * time.Millisecond).Round(time.Second))
	}
	return text
}

func (m *Main) reserveCommand() *cobra.Command {
	var f requestFlags
	var ttl int
	var onExpiry string
	cmd := &cobra.Command{
		Use: "reserve --tenant T --feature F --quantity N", Short: "Hold units until they are committed, released, or expire", Args: noArgs,
		Example: "  weir reserve --tenant acme --feature api_calls --quantity 500 --ttl 600 --id job-1\n  weir reserve commit job-1 --tenant acme --quantity 320",
		RunE: func(cmd *cobra.Command, _ []string) error {
			more := map[string]any{}
			if ttl != 0 {
				more["ttl_seconds"] = ttl
			}
			if onExpiry != "" {
				more["on_expiry"] = onExpiry
			}
			return m.decide(cmd, &f, "/v1/reservations", true, more)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.id, "id", "", "the reservation's id (default: a new one)")
	cmd.Flags().IntVar(&ttl, "ttl", 0, "seconds until it expires (default 300, at most 86400)")
	cmd.Flags().StringVar(&onExpiry, "on-expiry", "", "release or charge (default release)")
	cmd.AddCommand(m.holdCommand("commit", "Book what was really used, and give back the rest", true),
		m.holdCommand("extend", "Hold more, or for longer", true), m.holdCommand("release", "Give everything back", false), m.holdShow("reservations", "Show a reservation", indented))
	return cmd
}

// holdCommand is something that is done to a reservation.
func (m *Main) holdCommand(verb, short string, quantity bool) *cobra.Command {
	var f resourceFlags
	var tenant, amount string
	var ttl int
	cmd := &cobra.Command{
		Use: verb + " ID --tenant T", Short: short, Args: namedArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if tenant == "" {
				return wrongUsage("give --tenant")
			}
			body := map[string]any{"tenant_id": tenant}
			if amount != "" {
				d, err := usage.ParseDecimal(amount)
				if err != nil {
					return wrongUsage("--quantity: %w", err)
				}
				body["quantity"] = d
			}
			if ttl != 0 {
				body["ttl_seconds"] = ttl
			}
			return m.show(cmd, &f, pathTo("reservations", args[0], verb), body)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&tenant, "tenant", "", "the tenant")
	if quantity {
		cmd.Flags().StringVar(&amount, "quantity", "", "what was used, or what is held in all from now on")
	}
	if verb == "extend" {
		cmd.Flags().IntVar(&ttl, "ttl", 0, "seconds from now until it expires")
	}
	return cmd
}
