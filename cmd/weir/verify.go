package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

func (m *Main) verifyCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "verify --data DIR",
		Short: "Fold the whole log again and compare it with the stored state",
		Long: "Fold the whole log again, in memory, and compare every counter, id and name with what is stored.\n" +
			"The server of the directory must be stopped. Exit code 1: they differ.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return m.verify(cmd.Context(), data) },
	}
	cmd.Flags().StringVar(&data, "data", "", "the data directory")
	return cmd
}

func (m *Main) verify(ctx context.Context, dir string) error {
	if dir == "" {
		return wrongUsage("give a data directory: weir verify --data DIR")
	}
	// Open makes a store where there is none; a misspelt directory must not verify as empty.
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read the data directory: %w", err)
	}
	if len(entries) == 0 {
		return fmt.Errorf("%s is empty; name the directory of weir serve --data", dir)
	}
	eng, err := openStore(dir, nil)
	if err != nil {
		return err
	}
	bar := m.progress(0, "verify")
	err = eng.VerifyProgress(ctx, func(done, total uint64) {
		bar.ChangeMax64(int64(total))
		_ = bar.Set64(int64(done)) // a bar that cannot be drawn is no failure
	})
	_ = bar.Finish()
	stats := eng.Stats()
	index, digest := eng.Digest()
	if err = errors.Join(err, eng.Close()); err != nil {
		return err
	}
	fmt.Fprintf(m.stdout, "verified: %d events in %d blocks, digest %x\n", stats.Events, index, digest)
	return nil
}

// progress makes a bar on stderr, which draws nothing when that is not a terminal.
func (m *Main) progress(total int64, what string) *progressbar.ProgressBar {
	options := []progressbar.Option{
		progressbar.OptionSetWriter(m.stderr), progressbar.OptionSetDescription(what),
		progressbar.OptionSetVisibility(isTerminal(m.stderr)), progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(40),
	}
	if what == "import" {
		options = append(options, progressbar.OptionShowBytes(true))
	}
	return progressbar.NewOptions64(total, options...)
}
