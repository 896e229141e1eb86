package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/usage"
)

// keysCommand lists keys; below it they are made, rotated and revoked.
func (m *Main) keysCommand() *cobra.Command {
	var f resourceFlags
	var page listing
	list := func(cmd *cobra.Command, _ []string) error {
		return m.call(cmd, &f, http.MethodGet, "/v1/keys"+page.query(url.Values{}), nil,
			tableOf("KEY\tNAME\tSCOPES\tTENANTS\tMADE", func(w io.Writer, k *usage.KeyState) {
				tenants := "all"
				if len(k.Tenants) > 0 {
					tenants = strings.Join(k.Tenants, ", ")
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, scopeText(k.Scopes), tenants, k.Created.Format(time.DateOnly))
			}, "there are no keys; make one with weir keys create --scope ingest"))
	}
	keys := &cobra.Command{
		Use: "keys", Short: "List, create, rotate and delete API keys", Args: noArgs, RunE: list,
		Example: "  weir keys create --name app --scope ingest --scope check\n  weir keys create --scope read --tenant acme\n" +
			"  weir keys rotate ID --overlap 1h\n  weir keys delete ID",
	}
	sub := &cobra.Command{Use: "list", Short: "List the keys", Args: noArgs, RunE: list}
	for _, cmd := range []*cobra.Command{keys, sub} {
		f.register(cmd)
		page.register(cmd)
	}
	keys.AddCommand(sub, m.keyCreate(), m.keyRotate(),
		m.removal("delete ID", "Revoke a key, at once", func(a []string) string { return pathTo("keys", a[0]) }, "ID"))
	return keys
}

func scopeText(scopes []usage.Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

// showKey shows a key whose secret nobody can read again.
func showKey(w io.Writer, answer []byte) error {
	var made struct {
		usage.KeyState
		Key string `json:"key"`
	}
	if err := json.Unmarshal(answer, &made); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	fmt.Fprintf(w, "%s\nKey %s, scopes %s. It is shown once.\n", made.Key, made.ID, scopeText(made.Scopes))
	if !made.PreviousUntil.IsZero() {
		fmt.Fprintf(w, "The secret before works until %s.\n", made.PreviousUntil.Format(time.RFC3339))
	}
	return nil
}

func (m *Main) keyCreate() *cobra.Command {
	f := resourceFlags{clientFlags: clientFlags{once: true}}
	var in struct {
		Name    string   `json:"name,omitempty"`
		Scopes  []string `json:"scopes"`
		Tenants []string `json:"tenants,omitempty"`
	}
	cmd := &cobra.Command{
		Use: "create", Short: "Make a key and show it, once", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(in.Scopes) == 0 {
				return wrongUsage("give one --scope or more: ingest, check, read, portal, backfill, admin")
			}
			return m.call(cmd, &f, http.MethodPost, "/v1/keys", in, showKey)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&in.Name, "name", "", "a name, to know it by")
	cmd.Flags().StringSliceVar(&in.Scopes, "scope", nil, "what it may do: ingest, check, read, portal, backfill, admin; may be repeated")
	cmd.Flags().StringArrayVar(&in.Tenants, "tenant", nil, "the only tenants it is for; may be repeated (default: all)")
	return cmd
}

func (m *Main) keyRotate() *cobra.Command {
	f := resourceFlags{clientFlags: clientFlags{once: true}} // twice would end the secret in use, not the new one
	var overlap time.Duration
	cmd := &cobra.Command{
		Use: "rotate ID", Short: "Give a key a new secret and show it, once", Args: namedArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]int64{"overlap_seconds": int64(overlap / time.Second)}
			return m.call(cmd, &f, http.MethodPost, pathTo("keys", args[0], "rotate"), body, showKey)
		},
	}
	f.register(cmd)
	cmd.Flags().DurationVar(&overlap, "overlap", usage.KeyOverlapDefaultSeconds*time.Second, "how long the secret before goes on working")
	return cmd
}
