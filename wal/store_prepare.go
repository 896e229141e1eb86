package wal

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// prepare brings the directory to the point where the Pebbles can be opened, and returns the
// manifest. Whatever it is interrupted by, the next Open goes on from there.
func (s *Store) prepare() (manifest, error) {
	fsys, dir := s.opts.FS, s.dir
	m, found, err := readManifest(fsys, dir)
	switch {
	case err != nil:
		return m, err
	case !found && s.opts.ReadOnly:
		return m, fmt.Errorf("%w: it has no %s", ErrNotStore, manifestName)
	case !found:
		if err := checkEmpty(fsys, dir); err != nil {
			return m, err
		}
		m = manifest{storeVersion, storeReader, uint32(pebbleFormat), phaseCreating}
		if err := writeManifest(fsys, dir, m); err != nil {
			return m, err
		}
	}
	parts := []string{logDirName, stateDirName}
	if s.isBase() {
		parts = parts[1:]
	}
	if m.phase == phaseReady {
		for _, name := range parts {
			if _, err := fsys.Stat(fsys.PathJoin(dir, name)); err != nil {
				return m, fmt.Errorf("%w: directory %s of the store: %w", ErrCorrupt, name, err)
			}
		}
	}
	if s.opts.ReadOnly {
		if m.phase != phaseReady {
			return m, fmt.Errorf("%w: its first opening was interrupted; open it for writing once", ErrNotStore)
		}
		return m, nil
	}
	// What a crash left of unfinished checkpoints is worth nothing; and while the first Open
	// is not over, neither is anything else: see manifest.go.
	leftovers := []string{ingestDirName, snapshotDirName}
	if m.phase == phaseCreating {
		leftovers = append(leftovers, parts...)
	}
	for _, name := range leftovers {
		if err := fsys.RemoveAll(fsys.PathJoin(dir, name)); err != nil && !isNotExist(err) {
			return m, err
		}
	}
	for _, name := range append(parts, ingestDirName) {
		if err := fsys.MkdirAll(fsys.PathJoin(dir, name), 0o750); err != nil {
			return m, err
		}
	}
	s.space.findBallast()
	s.space.refresh()
	return m, syncDir(fsys, dir)
}

// makeDir makes dir and its parents durable as far as they are new.
func makeDir(fsys vfs.FS, dir string) error {
	if _, err := fsys.Stat(dir); err == nil {
		return nil
	}
	// Parents first, so that each new entry is synced into a directory that is durable.
	parent := fsys.PathDir(dir)
	if parent != dir && parent != "" {
		if err := makeDir(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	if parent == "" {
		parent = "."
	}
	return syncDir(fsys, parent)
}
