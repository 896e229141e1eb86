package wal

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"time"

	"github.com/weirhq/weir/usage"
)

// A backup is a tar of a snapshot: a first entry that says which format it is, the files, and at the end what they must be, with a
// SHA-256 of each. So it is written in one pass while the store goes on, and whatever is cut off or changed on its way is noticed.
// It is not compressed: blocks are, and half of what is left are random ids.

const (
	archiveFormat      = 1
	archiveReader      = 1 // the oldest format whose programs read what this one writes
	archiveHeadName    = "weir-backup.json"
	archiveTrailerName = "contents.json"

	// archiveFilesMax bounds the files of an archive: a petabyte of tables of 64 MiB are 16 M, which no store of one machine has.
	archiveFilesMax = 1 << 20
	// archiveFileBytesMax bounds one file: tables aim at 64 MiB, WALs at a memtable, Pebble's manifest at 4 MiB.
	archiveFileBytesMax = 1 << 36
	// archiveTrailerBytesMax bounds the list of files: 200 bytes each.
	archiveTrailerBytesMax = 256 << 20
)

// Errors of reading a backup.
var (
	// ErrNotArchive is returned for a stream that does not begin as a backup.
	ErrNotArchive = errors.New("not a weir backup")
	// ErrDamaged is returned for a backup that is cut off, or whose files are not what was written.
	ErrDamaged = errors.New("the backup is damaged")
)

// Archive says what a backup holds.
type Archive struct {
	Format       int           `json:"format"`
	OldestReader int           `json:"oldest_reader"`
	Created      time.Time     `json:"created"`
	Index        uint64        `json:"index"`  // log index of the checkpoint in it
	Digest       string        `json:"digest"` // of the state there, hex
	FirstBlock   uint64        `json:"first_block"`
	LastBlock    uint64        `json:"last_block"`
	Bytes        int64         `json:"bytes"` // of all files
	Files        []ArchiveFile `json:"files"`
}

// ArchiveFile is one file of a backup.
type ArchiveFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

type archiveHead struct {
	Format       int `json:"format"`
	OldestReader int `json:"oldest_reader"`
}

// WriteArchive writes the snapshot as a backup, as of a time. progress is told of the bytes written; it may be nil. It ends with the
// error of ctx, and with ErrClosed when the snapshot is closed meanwhile.
func (n *Snapshot) WriteArchive(ctx context.Context, w io.Writer, created time.Time, progress func(done, total int64)) (a *Archive, err error) {
	defer func() {
		if err != nil && n.closed.Load() { // whatever it met: its files were gone
			a, err = nil, fmt.Errorf("backup: %w", usage.ErrClosed)
		}
	}()
	names, err := n.files()
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	a = &Archive{
		Format: archiveFormat, OldestReader: archiveReader, Created: created.UTC(), Index: n.Meta.Index,
		Digest: hex.EncodeToString(n.Meta.Digest[:]), FirstBlock: n.FirstBlock, LastBlock: n.LastBlock,
	}
	out := tar.NewWriter(w)
	if err := writeEntry(out, archiveHeadName, created, archiveHead{archiveFormat, archiveReader}); err != nil {
		return nil, err
	}
	total := int64(0)
	for _, name := range names {
		info, err := n.store.fs.Stat(n.store.fs.PathJoin(n.dir, name))
		if err != nil {
			return nil, fmt.Errorf("backup: %w", err)
		}
		total += info.Size()
	}
	for _, name := range names {
		if err := n.writeFile(ctx, out, a, name); err != nil {
			return nil, fmt.Errorf("backup: file %s: %w", name, err)
		}
		if progress != nil {
			progress(a.Bytes, total)
		}
	}
	if err := writeEntry(out, archiveTrailerName, created, a); err != nil {
		return nil, err
	}
	return a, out.Close()
}

// writeFile writes one file of a snapshot, which does not change.
func (n *Snapshot) writeFile(ctx context.Context, out *tar.Writer, a *Archive, name string) (err error) {
	if err := n.goesOn(ctx); err != nil {
		return err
	}
	f, err := n.store.fs.Open(n.store.fs.PathJoin(n.dir, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	err = out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: 0o640, ModTime: a.Created, Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(out, sum), &snapshotReader{f, ctx, n})
	if err != nil {
		return err
	}
	if size != info.Size() {
		return fmt.Errorf("it has %d bytes now, and had %d", size, info.Size())
	}
	a.Files = append(a.Files, ArchiveFile{name, size, hex.EncodeToString(sum.Sum(nil))})
	a.Bytes += size
	return nil
}

func writeEntry(out *tar.Writer, name string, created time.Time, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	err = out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: 0o640, ModTime: created.UTC(), Format: tar.FormatPAX})
	if err == nil {
		_, err = out.Write(text)
	}
	return err
}

// archiveName is what a file of a backup may be called: a file of one of the parts of a store.
var archiveName = regexp.MustCompile(`^(WEIR-STORE|base/WEIR-STORE|(log|state|base/state)/[A-Za-z0-9][A-Za-z0-9._-]{0,127})$`)

// ReadArchive reads a backup and checks all of it. Each file goes to what create returns for its name, which is one that a store
// has, and size; nil is for files that nobody wants. Nothing that was written may be believed unless it returns without an error:
// ErrNotArchive, ErrNewerFormat, ErrDamaged, or one of create's writers.
func ReadArchive(r io.Reader, create func(name string, size int64) (io.WriteCloser, error)) (*Archive, error) {
	in := tar.NewReader(r)
	if err := readHead(in); err != nil {
		return nil, err
	}
	var got []ArchiveFile
	for {
		h, err := in.Next()
		if err != nil {
			return nil, fmt.Errorf("%w: it is cut off after %d files: %w", ErrDamaged, len(got), noEOF(err))
		}
		if h.Name == archiveTrailerName {
			return readTrailer(in, h, got)
		}
		if err := checkHeader(h, got); err != nil {
			return nil, err
		}
		f, err := readFile(in, h, create)
		if err != nil {
			return nil, err
		}
		got = append(got, f)
	}
}

// noEOF makes an error of the end of the stream, which is none when it is where it should be.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func readHead(in *tar.Reader) error {
	h, err := in.Next()
	if err != nil || h.Name != archiveHeadName || h.Size > 4096 {
		return fmt.Errorf("%w: it does not begin with %s", ErrNotArchive, archiveHeadName)
	}
	var head archiveHead
	if err := json.NewDecoder(in).Decode(&head); err != nil || head.Format < 1 {
		return fmt.Errorf("%w: %s cannot be read", ErrNotArchive, archiveHeadName)
	}
	if head.OldestReader > archiveFormat {
		return fmt.Errorf("%w: the backup has format %d and needs a program that knows %d; this one knows %d",
			ErrNewerFormat, head.Format, head.OldestReader, archiveFormat)
	}
	return nil
}

// checkHeader refuses whatever is no plain file of a store.
func checkHeader(h *tar.Header, got []ArchiveFile) error {
	switch {
	case h.Typeflag != tar.TypeReg || h.Linkname != "":
		return fmt.Errorf("%w: %q is no plain file", ErrDamaged, h.Name)
	case !archiveName.MatchString(h.Name) || path.Clean(h.Name) != h.Name:
		return fmt.Errorf("%w: %q is no file of a store", ErrDamaged, h.Name)
	case h.Size < 0 || h.Size > archiveFileBytesMax:
		return fmt.Errorf("%w: %q has %d bytes", ErrDamaged, h.Name, h.Size)
	case len(got) >= archiveFilesMax:
		return fmt.Errorf("%w: more than %d files", ErrDamaged, archiveFilesMax)
	case len(got) > 0 && got[len(got)-1].Name >= h.Name: // sorted, so each comes once
		return fmt.Errorf("%w: %q is not in its place", ErrDamaged, h.Name)
	}
	return nil
}

func readFile(in *tar.Reader, h *tar.Header, create func(string, int64) (io.WriteCloser, error)) (f ArchiveFile, err error) {
	w, err := create(h.Name, h.Size)
	if err != nil {
		return f, fmt.Errorf("file %s: %w", h.Name, err)
	}
	sum := sha256.New()
	to := io.Writer(sum)
	if w != nil {
		defer func() { err = errors.Join(err, w.Close()) }()
		to = io.MultiWriter(sum, w)
	}
	size, err := io.Copy(to, in)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return f, fmt.Errorf("%w: it is cut off in file %s", ErrDamaged, h.Name)
	}
	if err != nil {
		return f, fmt.Errorf("file %s: %w", h.Name, err)
	}
	return ArchiveFile{h.Name, size, hex.EncodeToString(sum.Sum(nil))}, nil
}

// readTrailer compares what was read with what was written.
func readTrailer(in *tar.Reader, h *tar.Header, got []ArchiveFile) (*Archive, error) {
	if h.Size > archiveTrailerBytesMax {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrDamaged, h.Name, h.Size)
	}
	var a Archive
	if err := json.NewDecoder(in).Decode(&a); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, h.Name, noEOF(err))
	}
	for i, want := range a.Files {
		if i >= len(got) || got[i].Name != want.Name {
			return nil, fmt.Errorf("%w: file %s is missing", ErrDamaged, want.Name)
		}
		if got[i] != want {
			return nil, fmt.Errorf("%w: file %s is not what was written (%d bytes, SHA-256 %s; now %d bytes, %s)",
				ErrDamaged, want.Name, want.Size, want.SHA256, got[i].Size, got[i].SHA256)
		}
	}
	if len(got) != len(a.Files) {
		return nil, fmt.Errorf("%w: file %s was not written", ErrDamaged, got[len(a.Files)].Name)
	}
	if !slices.ContainsFunc(got, func(f ArchiveFile) bool { return f.Name == manifestName }) {
		return nil, fmt.Errorf("%w: it has no %s", ErrDamaged, manifestName)
	}
	return &a, nil
}
