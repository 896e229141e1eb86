package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/httpapi"
	"github.com/weirhq/weir/usage"
)

type recordFlags struct {
	resourceFlags
	tenant, user, feature, quantity string
	id, source, time, op            string
	meta                            []string
}

func (m *Main) recordCommand() *cobra.Command {
	var f recordFlags
	cmd := &cobra.Command{
		Use:     "record --tenant T --feature F",
		Short:   "Record one event",
		Example: "  weir record --tenant acme --feature api_calls --user alice --meta endpoint=/v1/items",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return m.record(cmd, &f) },
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.tenant, "tenant", "", "the tenant")
	cmd.Flags().StringVar(&f.user, "user", "", "the user")
	cmd.Flags().StringVar(&f.feature, "feature", "", "the feature type")
	cmd.Flags().StringVar(&f.quantity, "quantity", "", "the quantity (default 1)")
	cmd.Flags().StringVar(&f.id, "id", "", "the event's id; the same id counts once (default: a new one)")
	cmd.Flags().StringVar(&f.source, "source", "", "where the event comes from; ids are unique in a source")
	cmd.Flags().StringVar(&f.time, "time", "", "the event's time, RFC 3339 (default: now)")
	cmd.Flags().StringVar(&f.op, "op", "", "for latest meters: set or add")
	cmd.Flags().StringArrayVar(&f.meta, "meta", nil, "metadata, key=value; a value that is a JSON number, true or false is taken as such (repeatable)")
	return cmd
}

func (m *Main) record(cmd *cobra.Command, f *recordFlags) error {
	ev, err := f.event()
	if err != nil {
		return err
	}
	return m.call(cmd, &f.resourceFlags, http.MethodPost, "/v1/events", ev, func(w io.Writer, answer []byte) error {
		return rowOf(answer, func(out *usage.Outcome) {
			fmt.Fprintf(w, "%s %s, in the period from %s to %s\n", out.ID, out.Status,
				out.BillingPeriod.Start.Format(time.DateOnly), out.BillingPeriod.End.Format(time.DateOnly))
		})
	})
}

// event makes the event that the flags describe. Its id is made here, so that a retry of the
// request is a retry of the event.
func (f *recordFlags) event() (usage.Event, error) {
	ev := usage.Event{ID: f.id, TenantID: f.tenant, UserID: f.user, FeatureType: f.feature, Source: f.source, Op: f.op}
	if ev.ID == "" {
		ev.ID = httpapi.NewEventID()
	}
	var err error
	if f.quantity != "" {
		if ev.Quantity, err = usage.ParseDecimal(f.quantity); err != nil {
			return ev, wrongUsage("--quantity: %w", err)
		}
	}
	if f.time != "" {
		if ev.Timestamp, err = time.Parse(time.RFC3339Nano, f.time); err != nil {
			return ev, wrongUsage("--time %q must be a time like 2026-01-31T00:00:00Z", f.time)
		}
	}
	if ev.Metadata, err = metadata(f.meta); err != nil {
		return ev, err
	}
	if err := ev.Validate(); err != nil {
		return ev, wrongUsage("%w", err)
	}
	return ev, nil
}

// metadata makes an object of key=value pairs.
func metadata(pairs []string) (json.RawMessage, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	object := make(map[string]json.RawMessage, len(pairs))
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, wrongUsage("--meta %q must be key=value", pair)
		}
		if _, twice := object[key]; twice {
			return nil, wrongUsage("--meta gives %q twice", key)
		}
		if _, err := usage.ParseDecimal(value); err == nil || value == "true" || value == "false" {
			object[key] = json.RawMessage(value)
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		object[key] = text
	}
	return json.Marshal(object) // sorted by key
}

// wantTable decides between a table for people and data for programs.
func (m *Main) wantTable(output string, choices ...string) (bool, error) {
	if output == "" {
		return isTerminal(m.stdout), nil
	}
	for _, c := range choices {
		if output == c {
			return output == "table", nil
		}
	}
	return false, wrongUsage("--output %q must be one of %s", output, strings.Join(choices, ", "))
}
