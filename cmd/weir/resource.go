package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// resourceFlags are those of commands that ask the server for something and show it.
type resourceFlags struct {
	clientFlags
	output string
}

func (f *resourceFlags) register(cmd *cobra.Command) {
	f.clientFlags.register(cmd)
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "json, csv, or table (default on a terminal)")
}

// rowOf gives a JSON answer to f.
func rowOf[T any](answer []byte, f func(*T)) error {
	row := new(T)
	if err := json.Unmarshal(answer, row); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	f(row)
	return nil
}

// call sends one request. It shows the answer as it is in a pipe, and gives it to table on a terminal. in may be nil.
func (m *Main) call(cmd *cobra.Command, f *resourceFlags, method, path string, in any, table func(w io.Writer, answer []byte) error) error {
	return m.callSeeing(cmd, f, method, path, in, table, nil)
}

// callSeeing is call, and gives the answer to see before it is shown; see may be nil.
func (m *Main) callSeeing(cmd *cobra.Command, f *resourceFlags, method, path string, in any, table func(w io.Writer, answer []byte) error,
	see func(answer []byte) error) error {
	asTable, err := m.wantTable(f.output, "json", "csv", "table")
	if err != nil {
		return err
	}
	var body []byte
	contentType := ""
	if in != nil {
		contentType = "application/json"
		if raw, ok := in.(json.RawMessage); ok {
			body = raw
		} else if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	c, err := f.open()
	if err != nil {
		return err
	}
	answer, err := c.do(cmd.Context(), method, path, contentType, body)
	if err != nil {
		return err
	}
	if see != nil {
		if err := see(answer); err != nil {
			return err
		}
	}
	switch {
	case len(answer) == 0: // deleted
		return nil
	case f.output == "csv":
		return writeCSV(m.stdout, answer)
	case !asTable || table == nil:
		_, err = m.stdout.Write(answer)
		return err
	}
	return table(m.stdout, answer)
}

// tableOf shows a list: head, then a line for each element of data.
func tableOf[T any](head string, line func(w io.Writer, row *T), empty string) func(io.Writer, []byte) error {
	return func(w io.Writer, answer []byte) error {
		var list struct {
			Data       []T     `json:"data"`
			NextCursor *string `json:"next_cursor"`
		}
		if err := json.Unmarshal(answer, &list); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if len(list.Data) == 0 {
			fmt.Fprintln(w, empty)
			return nil
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, head)
		for i := range list.Data {
			line(t, &list.Data[i])
		}
		if err := t.Flush(); err != nil {
			return err
		}
		if list.NextCursor != nil {
			fmt.Fprintf(w, "more: --cursor %s\n", *list.NextCursor)
		}
		return nil
	}
}

// namedArgs wants exactly the arguments that are named.
func namedArgs(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return wrongUsage("%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			return wrongUsage("unexpected argument %q", args[len(names)])
		}
		return nil
	}
}

// readInput reads a file, or standard input for "-".
func (m *Main) readInput(name string) (json.RawMessage, error) {
	var text []byte
	var err error
	if name == "-" {
		text, err = io.ReadAll(m.stdin)
	} else {
		text, err = os.ReadFile(name)
	}
	if err == nil && !json.Valid(text) {
		err = wrongUsage("%s is not JSON", name)
	}
	return text, err
}

// pathTo is a path with its parts percent-encoded.
func pathTo(parts ...string) string {
	path := "/v1"
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

// listing adds the flags of a page to a query.
type listing struct {
	limit  int
	cursor string
}

func (l *listing) register(cmd *cobra.Command) {
	cmd.Flags().IntVar(&l.limit, "limit", 100, "how many at most, up to 1000")
	cmd.Flags().StringVar(&l.cursor, "cursor", "", "where an earlier page ended")
}

func (l *listing) query(q url.Values) string {
	q.Set("limit", fmt.Sprint(l.limit))
	if l.cursor != "" {
		q.Set("cursor", l.cursor)
	}
	return "?" + q.Encode()
}

// removal is a command that deletes something.
func (m *Main) removal(use, short string, path func(args []string) string, names ...string) *cobra.Command {
	return m.single(http.MethodDelete, use, short, path, names...)
}

// getter is a command that shows one resource.
func (m *Main) getter(use, short string, path func(args []string) string, names ...string) *cobra.Command {
	return m.single(http.MethodGet, use, short, path, names...)
}

func (m *Main) single(method, use, short string, path func(args []string) string, names ...string) *cobra.Command {
	var f resourceFlags
	cmd := &cobra.Command{
		Use: use, Short: short, Args: namedArgs(names...),
		RunE: func(cmd *cobra.Command, args []string) error {
			return m.call(cmd, &f, method, path(args), nil, indented)
		},
	}
	f.register(cmd)
	return cmd
}

// holdShow is a command that shows a reservation or a lease: kind is its part of the path.
func (m *Main) holdShow(kind, short string, table func(w io.Writer, answer []byte) error) *cobra.Command {
	var f resourceFlags
	var tenant string
	cmd := &cobra.Command{
		Use: "show ID --tenant T", Short: short, Args: namedArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if tenant == "" {
				return wrongUsage("give --tenant")
			}
			return m.call(cmd, &f, http.MethodGet, pathTo(kind, args[0])+"?tenant_id="+url.QueryEscape(tenant), nil, table)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&tenant, "tenant", "", "the tenant")
	return cmd
}
