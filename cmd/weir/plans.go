package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/usage"
)

// planRow is a plan as the server shows it.
type planRow struct {
	usage.Plan
	Version int `json:"version"`
	Tenants int `json:"tenants"`
}

// plansCommand lists plans; below it they are read, put and deleted.
func (m *Main) plansCommand() *cobra.Command {
	var f resourceFlags
	var page listing
	list := &cobra.Command{
		Use: "plans", Short: "List, show, put and delete plans", Args: noArgs,
		Example: "  weir plans\n  weir plans put free.json --apply now\n  weir plans put free.json --dry-run",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return m.call(cmd, &f, http.MethodGet, "/v1/plans"+page.query(url.Values{}), nil, planTable("there are no plans; make one with weir plans put FILE"))
		},
	}
	f.register(list)
	page.register(list)
	list.AddCommand(m.getter("show SLUG", "Show a plan as JSON, as plans put takes it", func(a []string) string { return pathTo("plans", a[0]) }, "SLUG"), m.planVersions(), m.planPut(),
		m.removal("delete SLUG", "Delete a plan that nobody is on", func(a []string) string { return pathTo("plans", a[0]) }, "SLUG"))
	return list
}

func planTable(empty string) func(io.Writer, []byte) error {
	return tableOf("PLAN\tNAME\tVERSION\tTENANTS\tQUOTAS", func(w io.Writer, p *planRow) {
		quotas := make([]string, len(p.Quotas))
		for i := range p.Quotas {
			quotas[i] = quotaText(&p.Quotas[i])
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\n", p.Slug, p.Name, p.Version, p.Tenants, strings.Join(quotas, ", "))
	}, empty)
}

// quotaText says a quota in a few words: "api_calls 1000/month".
func quotaText(q *usage.Quota) string {
	if q.Rate != nil {
		return fmt.Sprintf("%s %s/%s", q.Meter, q.Rate.Limit, q.Rate.Per)
	}
	limit := "unlimited"
	if d := q.Limit.Decimal(); d.IsSet() {
		limit = d.String()
	}
	return fmt.Sprintf("%s %s/%s", q.Meter, limit, q.Period)
}

// indented shows JSON for people.
func indented(w io.Writer, answer []byte) error {
	var v any
	if err := json.Unmarshal(answer, &v); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func (m *Main) planVersions() *cobra.Command {
	var f resourceFlags
	var page listing
	cmd := &cobra.Command{
		Use: "versions SLUG", Short: "List every version of a plan", Args: namedArgs("SLUG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return m.call(cmd, &f, http.MethodGet, pathTo("plans", args[0], "versions")+page.query(url.Values{}), nil, planTable("there are no versions"))
		},
	}
	f.register(cmd)
	page.register(cmd)
	return cmd
}

func (m *Main) planPut() *cobra.Command {
	var f resourceFlags
	var apply string
	var dry bool
	cmd := &cobra.Command{
		Use: "put FILE", Short: "Make a plan, or a new version of one, from a JSON file (- for standard input)", Args: namedArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := m.readInput(args[0])
			if err != nil {
				return err
			}
			var in struct {
				Slug string `json:"slug"`
			}
			if err := json.Unmarshal(text, &in); err != nil || in.Slug == "" {
				return wrongUsage("%s has no slug; give the plan one, such as \"slug\": \"free\"", args[0])
			}
			q := url.Values{}
			if apply != "" {
				q.Set("apply", apply)
			}
			if dry {
				q.Set("dry_run", "true")
			}
			return m.call(cmd, &f, http.MethodPut, pathTo("plans", in.Slug)+"?"+q.Encode(), withoutOutput(text), func(w io.Writer, answer []byte) error {
				if dry {
					return printTrial(w, answer)
				}
				var p planRow
				if err := json.Unmarshal(answer, &p); err != nil {
					return fmt.Errorf("read the answer: %w", err)
				}
				fmt.Fprintf(w, "plan %s is at version %d; %d tenants are on it\n", p.Slug, p.Version, p.Tenants)
				return nil
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&apply, "apply", "", "move everybody on the plan to the new version: now, or period_end (default: nobody)")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what it would do")
	return cmd
}

// withoutOutput drops what plans show adds to a plan, so that its output can be put again.
func withoutOutput(text json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return text
	}
	for _, name := range []string{"version", "tenants", "created_at", "archived"} {
		delete(fields, name)
	}
	out, err := json.Marshal(fields)
	if err != nil {
		return text
	}
	return out
}

func printTrial(w io.Writer, answer []byte) error {
	var trial struct {
		Tenants     int      `json:"tenants"`
		TenantsOver []string `json:"tenants_over"`
		Identical   bool     `json:"identical"`
	}
	if err := json.Unmarshal(answer, &trial); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch {
	case trial.Identical:
		fmt.Fprintln(w, "the plan is like this already")
	case len(trial.TenantsOver) == 0:
		fmt.Fprintf(w, "%d tenants are on the plan; none would be over a limit now\n", trial.Tenants)
	default:
		fmt.Fprintf(w, "%d tenants are on the plan; %d would be over a limit now: %s\n", trial.Tenants, len(trial.TenantsOver), strings.Join(trial.TenantsOver, ", "))
	}
	return nil
}
