package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/weirhq/weir/usage"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitDenied = 3
)

// Main is the program. Its zero value has no environment; tests give one of their own.
type Main struct {
	Environ []string // as os.Environ answers it

	stdin          io.Reader
	stdout, stderr io.Writer
}

// usageError is a command line or setting that is wrong: exit code 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func wrongUsage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Run executes one command line, without the program's name, and answers the exit code. It
// returns early when ctx ends.
func (m *Main) Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := &output{to: stdout}
	m.stdin, m.stdout, m.stderr = stdin, out, stderr
	root := m.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(stderr)
	strictDefaults(root)
	err := root.ExecuteContext(ctx)
	if err == nil && out.err != nil {
		err = fmt.Errorf("write the output: %w", out.err)
	}
	var wrong usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "weir: %v\nSee weir --help.\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "weir: %v\n", err)
	var denied deniedError
	if errors.As(err, &denied) {
		return exitDenied
	}
	return exitFailed
}

func (m *Main) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "weir",
		Short:         "weir measures what passes",
		Long:          "weir records usage events exactly once, answers how much was used, and decides how much may be.\n\nExit codes: 0 done, 1 failed, 2 wrong command line or setting, 3 denied by a quota.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return m.settle(cmd) },
	}
	root.SetFlagErrorFunc(wrongFlag)
	root.AddCommand(m.devCommand(), m.serveCommand(), m.recordCommand(), m.usageCommand(),
		m.consumeCommand(), m.checkCommand(), m.reserveCommand(), m.plansCommand(), m.tenantsCommand(),
		m.importCommand(), m.verifyCommand(), m.backupCommand(), m.restoreCommand(), m.doctorCommand(), m.versionCommand(),
		m.metersCommand(), m.settingsCommand(), m.leasesCommand(), m.adjustCommand(), m.decisionsCommand(), m.crossingsCommand(),
		m.auditCommand(), m.keysCommand(), m.topCommand(), m.overviewCommand(), m.forecastCommand(), m.recommendationsCommand(), m.explainCommand(), m.eventsCommand(), m.voidCommand(),
		m.configCommand(), m.manCommand(), m.openapiCommand())
	return root
}

// output is the standard output. It remembers that a write failed, so that no command has to look at every line that it prints.
type output struct {
	to  io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.to.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// strictDefaults makes the commands that cobra adds refuse what they do not know; by themselves they print help and end well.
func strictDefaults(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd() // after SetOut: it keeps where it prints to
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Run, c.RunE = nil, func(_ *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				switch {
				case err != nil:
					return usageError{err}
				case len(rest) > 0 && found == root:
					return unknownCommand(root, rest[0])
				case len(rest) > 0:
					return noArgs(found, rest)
				}
				found.InitDefaultHelpFlag()
				return found.Help()
			}
		case "completion":
			c.Args, c.RunE = noArgs, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range c.Commands() {
				shell.Args = noArgs
			}
		}
	}
}

func unknownCommand(root *cobra.Command, name string) error {
	var names []string
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	if near, ok := usage.Nearest(name, names); ok {
		return wrongUsage("unknown command %q; did you mean %q?", name, near)
	}
	return wrongUsage("unknown command %q", name)
}

// wrongFlag says which flag an unknown one may have meant.
func wrongFlag(cmd *cobra.Command, err error) error {
	name, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !ok {
		return usageError{err}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near, ok := usage.Nearest(name, names); ok {
		return wrongUsage("unknown flag: --%s; did you mean --%s?", name, near)
	}
	return usageError{err}
}

// noArgs refuses arguments as a wrong command line. Of a command with others below it an argument is a misspelt one.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	if near, ok := usage.Nearest(args[0], names); ok {
		return wrongUsage("unexpected argument %q; did you mean %q?", args[0], cmd.CommandPath()+" "+near)
	}
	return wrongUsage("unexpected argument %q", args[0])
}

func (m *Main) getenv(name string) string {
	for _, entry := range m.Environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// isTerminal reports whether w is a terminal, so that tables, plots and progress bars are
// for people, and pipes get plain data.
func isTerminal(w any) bool {
	if o, ok := w.(*output); ok {
		w = o.to
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colours reports whether stdout takes colours (https://no-color.org).
func (m *Main) colours() bool { return isTerminal(m.stdout) && m.getenv("NO_COLOR") == "" }
