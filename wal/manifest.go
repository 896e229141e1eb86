package wal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The manifest of a store: a small text file that says what the directory is, before anything
// else in it is read. A person can read it too:
//
//	weir store
//	version 1
//	oldest-reader 1
//	pebble-format 21
//	phase ready
//	crc32c e4b264b7
//
// version is that of the layout as it was when the store was last written to. oldest-reader
// is the lowest version a program must know to read it; Open refuses when that is newer than
// itself. The checksum covers all lines before its own.
//
// The first Open writes it twice. With phase "creating", before anything else exists: whoever
// finds that knows that no Open has returned yet, so nothing was ever stored, and starts over.
// With phase "ready", after both Pebbles are there: from then on a missing Pebble is damage
// and never a reason to make an empty one.

const (
	manifestName    = "WEIR-STORE"
	manifestTmpName = manifestName + ".tmp"
	manifestTitle   = "weir store"

	storeVersion     = 1
	storeReader      = 1 // the oldest version whose programs read what this one writes
	manifestSizeMax  = 4 << 10
	phaseCreating    = "creating"
	phaseReady       = "ready"
	logDirName       = "log"
	stateDirName     = "state"
	ingestDirName    = "ingest"
	baseDirName      = "base"
	ballastName      = "ballast"
	ballastTmpName   = ballastName + ".tmp"
	lostAndFoundName = "lost+found" // a mounted file system comes with one
)

// pebbleFormat is the format of new stores. FormatWALSyncChunks lets recovery tell a damaged
// WAL from a torn one; FormatTableFormatV6 adds a checksum to the footers of tables. The one
// after it, value separation, buys nothing here: blocks are never overwritten.
const pebbleFormat = pebble.FormatTableFormatV6

// Errors of Open about what it finds in the directory.
var (
	// ErrNewerFormat is returned for a store that a newer program has written.
	ErrNewerFormat = errors.New("the store was written by a newer weir")

	// ErrNotStore is returned for a directory with files in it that is no store.
	ErrNotStore = errors.New("the directory is not empty and is not a weir store")
)

// manifest is the content of the file.
type manifest struct {
	version      uint32
	oldestReader uint32
	pebbleFormat uint32
	phase        string
}

// encode returns the text.
func (m manifest) encode() []byte {
	text := fmt.Sprintf("%s\nversion %d\noldest-reader %d\npebble-format %d\nphase %s\n",
		manifestTitle, m.version, m.oldestReader, m.pebbleFormat, m.phase)
	return fmt.Appendf([]byte(text), "crc32c %08x\n", manifestSum(text))
}

func manifestSum(text string) uint32 {
	return crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli))
}

// parseManifest is the inverse of encode. It reads oldest-reader before it judges the rest, so
// that a store from the future is called newer and not corrupt.
func parseManifest(text []byte) (manifest, error) {
	var m manifest
	rest := string(text)
	if !strings.HasPrefix(rest, manifestTitle+"\nversion ") {
		return m, &CorruptError{What: manifestName + " does not begin as one", Offset: 0}
	}
	_, err := fmt.Sscanf(rest, manifestTitle+"\nversion %d\noldest-reader %d\n", &m.version, &m.oldestReader)
	if err != nil {
		return m, &CorruptError{What: manifestName + " lacks its versions", Offset: len(manifestTitle)}
	}
	if m.oldestReader > storeVersion {
		return m, fmt.Errorf("%w: it needs store version %d, this program knows %d; use that weir or a newer one",
			ErrNewerFormat, m.oldestReader, storeVersion)
	}
	body, sum, found := strings.Cut(rest, "crc32c ")
	if !found || sum != fmt.Sprintf("%08x\n", manifestSum(body)) {
		return m, &CorruptError{What: manifestName + " fails its checksum", Offset: len(body)}
	}
	_, err = fmt.Sscanf(body, manifestTitle+"\nversion %d\noldest-reader %d\npebble-format %d\nphase %s\n",
		&m.version, &m.oldestReader, &m.pebbleFormat, &m.phase)
	format := pebble.FormatMajorVersion(m.pebbleFormat)
	if err != nil || m.phase != phaseCreating && m.phase != phaseReady || m.oldestReader > m.version ||
		format < pebbleFormat {
		return m, &CorruptError{What: manifestName + " has a bad field", Offset: 0}
	}
	if format > pebble.FormatNewest {
		return m, fmt.Errorf("%w: Pebble format %d, this program knows %d to %d",
			ErrNewerFormat, m.pebbleFormat, pebbleFormat, pebble.FormatNewest)
	}
	return m, nil
}

// readManifest reads the manifest of dir; found is false when there is none.
func readManifest(fsys vfs.FS, dir string) (m manifest, found bool, err error) {
	f, err := fsys.Open(fsys.PathJoin(dir, manifestName))
	if isNotExist(err) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, manifestSizeMax))
	if err != nil {
		return m, false, err
	}
	m, err = parseManifest(text)
	return m, true, err
}

// writeManifest replaces the manifest of dir atomically and durably: a crash leaves the old one
// or the new one.
func writeManifest(fsys vfs.FS, dir string, m manifest) error {
	tmp := fsys.PathJoin(dir, manifestTmpName)
	if err := writeFileSynced(fsys, tmp, m.encode()); err != nil {
		return err
	}
	if err := fsys.Rename(tmp, fsys.PathJoin(dir, manifestName)); err != nil {
		return err
	}
	return syncDir(fsys, dir)
}

// writeFileSynced creates name with data in it and syncs it; its directory entry is not synced.
func writeFileSynced(fsys vfs.FS, name string, data []byte) error {
	f, err := fsys.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the entries of dir durable.
func syncDir(fsys vfs.FS, dir string) error {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkEmpty refuses a directory without a manifest that has other files in it than a first Open
// may have left: a typing error on a command line must not mix a store into /home.
func checkEmpty(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		switch name {
		case lockName, manifestTmpName, lostAndFoundName:
		case logDirName, stateDirName, baseDirName:
			return fmt.Errorf("%w: it has %q, but %s is missing; restore it from a backup",
				ErrNotStore, name, manifestName)
		default:
			return fmt.Errorf("%w: it has %q; choose an empty directory", ErrNotStore, name)
		}
	}
	return nil
}

// Info is what the manifest of a store says.
type Info struct{ Version, OldestReader, PebbleFormat uint32 }

// ReadInfo reads the manifest of the store in dir, without opening it. Errors: ErrNotStore, ErrNewerFormat, ErrCorrupt.
func ReadInfo(dir string) (Info, error) {
	m, found, err := readManifest(vfs.Default, dir)
	if err == nil && !found {
		err = fmt.Errorf("%w: it has no %s", ErrNotStore, manifestName)
	}
	return Info{m.version, m.oldestReader, m.pebbleFormat}, err
}
