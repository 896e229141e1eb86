package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/wal"
)

func (m *Main) backupCommand() *cobra.Command {
	var f clientFlags
	var out string
	cmd := &cobra.Command{
		Use:   "backup --out FILE",
		Short: "Write a consistent copy of the store into one file",
		Long: "Write a consistent copy of the store, a tar, through the running server, or of the directory of a stopped one (--data DIR).\n" +
			"The file is read again and every hash compared before it gets its name. Keys are in it as hashes; admin.key is not.",
		Example: "  weir backup --out weir.tar\n  weir backup --out weir.tar --data /var/lib/weir",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return m.backup(cmd.Context(), &f, out) },
	}
	f.register(cmd)
	cmd.Flags().StringVar(&out, "out", "", "the file to write")
	return cmd
}

// partSuffix is what a backup is called until it is whole.
const partSuffix = ".part"

func (m *Main) backup(ctx context.Context, f *clientFlags, out string) (err error) {
	if out == "" {
		return wrongUsage("name the file to write: weir backup --out FILE")
	}
	if _, err := os.Lstat(out); err == nil {
		return fmt.Errorf("%s exists; name another file", out)
	}
	part, err := os.OpenFile(out+partSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	defer func() {
		err = errors.Join(err, part.Close())
		if err != nil {
			_ = os.Remove(part.Name())
		}
	}()
	if err := m.writeBackup(ctx, f, part); err != nil {
		return err
	}
	if err := part.Sync(); err != nil {
		return err
	}
	a, err := m.checkBackup(part)
	if err != nil {
		return err
	}
	if err := os.Rename(part.Name(), out); err != nil {
		return err
	}
	if err := syncDirOf(out); err != nil {
		return err
	}
	fmt.Fprintf(m.stdout, "%s: %d files, %d bytes, index %d, digest %s\n", out, len(a.Files), a.Bytes, a.Index, a.Digest)
	return nil
}

// writeBackup gets the backup from the directory when it is closed, else from the server.
func (m *Main) writeBackup(ctx context.Context, f *clientFlags, to io.Writer) error {
	bar := m.byteBar(-1, "backup")
	defer func() { _ = bar.Finish() }() // a bar that cannot be drawn is no failure
	if f.data != "" {
		if err := hasStore(f.data); err != nil {
			return err
		}
		eng, err := engine.Open(f.data, nil)
		if err == nil {
			_, err = eng.Backup(ctx, io.MultiWriter(to, bar), func(_, total int64) { bar.ChangeMax64(total) })
			return errors.Join(err, eng.Close())
		}
		if !errors.Is(err, wal.ErrLocked) {
			return err
		}
	}
	c, err := f.open()
	if err != nil {
		return err
	}
	return c.backup(ctx, io.MultiWriter(to, bar))
}

// checkBackup reads a backup from its beginning and compares every hash.
func (m *Main) checkBackup(f *os.File) (*wal.Archive, error) {
	info, err := f.Stat()
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, err
	}
	bar := m.byteBar(info.Size(), "check")
	defer func() { _ = bar.Finish() }()
	return wal.ReadArchive(io.TeeReader(f, bar), func(string, int64) (io.WriteCloser, error) { return nil, nil })
}

func (m *Main) restoreCommand() *cobra.Command {
	var data string
	var verify bool
	cmd := &cobra.Command{
		Use:   "restore FILE --data DIR",
		Short: "Make a data directory of a backup",
		Long: "Make a data directory of a backup, in an empty or missing directory. A backup that is damaged, cut off or of a newer weir is\n" +
			"refused, and the directory is left empty. Keys are those of the backup.",
		Example: "  weir restore weir.tar --data /var/lib/weir --verify",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return wrongUsage("name one file: weir restore FILE --data DIR")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return m.restore(cmd.Context(), args[0], data, verify) },
	}
	cmd.Flags().StringVar(&data, "data", "", "the directory to make")
	cmd.Flags().BoolVar(&verify, "verify", false, "fold the log again afterwards, as weir verify does")
	return cmd
}

func (m *Main) restore(ctx context.Context, file, dir string, verify bool) error {
	if dir == "" {
		return wrongUsage("name the directory to make: weir restore FILE --data DIR")
	}
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	bar := m.byteBar(info.Size(), "restore")
	unlocked := lacksLock(dir)
	a, err := wal.Restore(nil, dir, io.TeeReader(f, bar), nil)
	_ = bar.Finish()
	if err != nil {
		if unlocked && !errors.Is(err, wal.ErrLocked) {
			removeLock(dir)
		}
		return err
	}
	if verify {
		return m.verify(ctx, dir)
	}
	eng, err := engine.Open(dir, nil) // what cannot be opened is no use
	if err != nil {
		return err
	}
	stats := eng.Stats()
	if err := eng.Close(); err != nil {
		return err
	}
	fmt.Fprintf(m.stdout, "%s: %d events, backup of %s at index %d, digest %s; weir verify --data %s folds the log again\n",
		dir, stats.Events, a.Created.Format("2006-01-02 15:04:05Z"), a.Index, a.Digest, dir)
	return nil
}

// hasStore refuses a directory without a store: opening it would make one.
func hasStore(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "WEIR-STORE")); err != nil {
		return fmt.Errorf("%s is no data directory of weir: %w", dir, err)
	}
	return nil
}

func syncDirOf(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// byteBar makes a bar of bytes on stderr, which draws nothing when that is not a terminal; size -1: unknown.
func (m *Main) byteBar(size int64, what string) *progressbar.ProgressBar {
	return progressbar.NewOptions64(size, progressbar.OptionSetWriter(m.stderr), progressbar.OptionSetDescription(what),
		progressbar.OptionSetVisibility(isTerminal(m.stderr)), progressbar.OptionThrottle(100e6), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(40), progressbar.OptionShowBytes(true))
}
