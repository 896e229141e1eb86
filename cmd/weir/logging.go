package main

import (
	"log/slog"

	"github.com/spf13/cobra"
)

// logFlags say how much is logged, and how.
type logFlags struct{ level, format string }

func (f *logFlags) register(cmd *cobra.Command, level string) {
	cmd.Flags().StringVar(&f.level, "log-level", level, "debug, info, warn or error; debug has the access log")
	cmd.Flags().StringVar(&f.format, "log-format", "auto", "text, json, or auto: text on a terminal, JSON elsewhere")
}

// logger makes the log of a server, on stderr.
func (m *Main) logger(f *logFlags) (*slog.Logger, error) {
	o := new(slog.HandlerOptions)
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return nil, wrongUsage("--log-level %q must be debug, info, warn or error", f.level)
	}
	o.Level = level
	switch {
	case f.format == "text" || f.format == "auto" && isTerminal(m.stderr):
		return slog.New(slog.NewTextHandler(m.stderr, o)), nil
	case f.format == "json" || f.format == "auto":
		return slog.New(slog.NewJSONHandler(m.stderr, o)), nil
	}
	return nil, wrongUsage("--log-format %q must be auto, text or json", f.format)
}
