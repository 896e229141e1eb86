package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/weirhq/weir/httpapi"
)

// configCommand shows and checks the settings of weir serve without starting it.
func (m *Main) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Check and print the settings of weir serve", Args: noArgs,
		Long: "Check and print the settings that weir serve would run with: defaults, then the file of --config, then the variables\n" +
			"WEIR_*, then flags. Give the same flags as to weir serve.",
		Example: "  weir config check --config /etc/weir/weir.yaml\n  WEIR_LISTEN=:8080 weir config print --config weir.yaml",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		m.configVerb("check", "Say whether the settings are in order", func(_ *cobra.Command, f *serveFlags, _ string) error {
			if _, err := m.checkServe(f); err != nil {
				return err
			}
			_, err := fmt.Fprintln(m.stdout, "the settings are in order")
			return err
		}),
		m.configVerb("print", "Print every setting and where it comes from", m.printSettings))
	return cmd
}

// configVerb is a command with the flags of weir serve that only looks at them.
func (m *Main) configVerb(verb, short string, look func(serve *cobra.Command, f *serveFlags, output string) error) *cobra.Command {
	var f serveFlags
	serve := m.serveCommandOf(&f)
	var output string
	cmd := &cobra.Command{Use: verb, Short: short, Args: noArgs}
	cmd.Flags().AddFlagSet(serve.Flags()) // the same flags, so a value that is set here is set there
	cmd.Flags().StringVarP(&output, "output", "o", "", "json, csv, or table (default on a terminal)")
	cmd.RunE = func(*cobra.Command, []string) error { return look(serve, &f, output) }
	return cmd
}

// settingsOf are the settings of a command in the order of their names, and where each comes from. None of them is a secret: keys and
// certificates are named by their files.
func settingsOf(flags *pflag.FlagSet) (rows []httpapi.Setting) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			rows = append(rows, httpapi.Setting{Name: strings.ReplaceAll(f.Name, "-", "_"), Value: f.Value.String(), Origin: origin(f)})
		}
	})
	return rows
}

func (m *Main) printSettings(serve *cobra.Command, _ *serveFlags, output string) error {
	asTable, err := m.wantTable(output, "json", "csv", "table")
	if err != nil {
		return err
	}
	rows := settingsOf(serve.Flags())
	answer, err := json.Marshal(map[string]any{"data": rows})
	if err != nil {
		return err
	}
	switch {
	case output == "csv":
		return writeCSV(m.stdout, answer)
	case !asTable:
		_, err = m.stdout.Write(append(answer, '\n'))
		return err
	}
	t := tabwriter.NewWriter(m.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SETTING\tVALUE\tFROM")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\n", r.Name, r.Value, r.Origin)
	}
	return t.Flush()
}
