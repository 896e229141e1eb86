package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Restore makes a store in dir, which must be empty or missing, of a backup. On an error dir is as empty as it was; a power failure
// leaves a directory that no Open takes for a store, since the manifest is written last. progress is told of the bytes written.
func Restore(fsys vfs.FS, dir string, r io.Reader, progress func(done int64)) (*Archive, error) {
	if fsys == nil {
		fsys = vfs.Default
	}
	if err := makeDir(fsys, dir); err != nil {
		return nil, err
	}
	lock, err := lockDirectory(fsys, dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	names, err := fsys.List(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if name != lockName && name != lostAndFoundName {
			return nil, fmt.Errorf("restore into %s: it has %q; choose an empty directory", dir, name)
		}
	}
	t := &restoring{fs: fsys, dir: dir, progress: progress}
	a, err := ReadArchive(r, t.create)
	if err == nil {
		err = t.finish()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("restore into %s: %w", dir, err), t.undo())
	}
	return a, nil
}

// restoring is a store under way.
type restoring struct {
	fs       vfs.FS
	dir      string
	manifest bytes.Buffer // of the store: written last
	done     int64
	progress func(done int64)
}

var restoredDirs = []string{logDirName, stateDirName, baseDirName, baseDirName + "/" + stateDirName}

func (t *restoring) create(name string, size int64) (io.WriteCloser, error) {
	if name == manifestName {
		if size > manifestSizeMax {
			return nil, fmt.Errorf("%w: %s has %d bytes", ErrDamaged, name, size)
		}
		return nopCloser{&t.manifest}, nil
	}
	path := t.fs.PathJoin(t.dir, name)
	if err := t.fs.MkdirAll(t.fs.PathDir(path), 0o750); err != nil {
		return nil, err
	}
	f, err := t.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	return &restoredFile{vfs.NewSyncingFile(f, vfs.SyncingFileOptions{BytesPerSync: tableSyncBytes}), t}, nil
}

// finish makes the files a store.
func (t *restoring) finish() error {
	m, err := parseManifest(t.manifest.Bytes())
	if err != nil {
		return err
	}
	for _, name := range restoredDirs {
		path := t.fs.PathJoin(t.dir, name)
		if _, err := t.fs.Stat(path); err != nil {
			if name == logDirName || name == stateDirName {
				return fmt.Errorf("%w: it has no %s/", ErrDamaged, name)
			}
			continue
		}
		if err := syncDir(t.fs, path); err != nil {
			return err
		}
	}
	if err := syncDir(t.fs, t.dir); err != nil {
		return err
	}
	return writeManifest(t.fs, t.dir, m)
}

func (t *restoring) undo() error {
	var errs []error
	for _, name := range []string{logDirName, stateDirName, baseDirName, manifestName, manifestTmpName} {
		if err := t.fs.RemoveAll(t.fs.PathJoin(t.dir, name)); err != nil && !isNotExist(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// restoredFile is synced when it is closed.
type restoredFile struct {
	vfs.File
	t *restoring
}

// Write implements io.Writer.
func (f *restoredFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if f.t.done += int64(n); f.t.progress != nil {
		f.t.progress(f.t.done)
	}
	return n, err
}

// Close implements io.Closer.
func (f *restoredFile) Close() error { return errors.Join(f.File.Sync(), f.File.Close()) }

type nopCloser struct{ io.Writer }

// Close implements io.Closer.
func (nopCloser) Close() error { return nil }
