package wal

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// sampleArchive is a backup of a small store.
func sampleArchive(t testing.TB) []byte {
	t.Helper()
	s, err := Open("d", storeTestOptions(vfs.NewMem()))
	require.NoError(t, err)
	defer s.Close()
	growLog(t, s, 5)
	commitAt(t, s, 5)
	growLog(t, s, 2)
	n, err := s.NewSnapshot()
	require.NoError(t, err)
	defer n.Close()
	_, err = s.NewSnapshot()
	require.ErrorContains(t, err, "another backup")
	var out bytes.Buffer
	_, err = n.WriteArchive(context.Background(), &out, time.Unix(1_800_000_000, 0), nil)
	require.NoError(t, err)
	return out.Bytes()
}

type tarEntry struct {
	h    tar.Header
	data []byte
}

func untar(t testing.TB, data []byte) (entries []tarEntry) {
	t.Helper()
	in := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := in.Next()
		if err == io.EOF {
			return entries
		}
		require.NoError(t, err)
		content, err := io.ReadAll(in)
		require.NoError(t, err)
		entries = append(entries, tarEntry{*h, content})
	}
}

func retar(t testing.TB, entries []tarEntry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		if e.h.Typeflag == tar.TypeReg {
			e.h.Size = int64(len(e.data))
		}
		e.h.PAXRecords, e.h.Format = nil, 0
		require.NoError(t, w.WriteHeader(&e.h))
		if e.h.Typeflag == tar.TypeReg {
			_, err := w.Write(e.data)
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestRestoreRefuses(t *testing.T) {
	good := sampleArchive(t)
	fs := vfs.NewMem()
	a, err := Restore(fs, "to", bytes.NewReader(good), nil)
	require.NoError(t, err)
	require.EqualValues(t, 5, a.Index)
	s, err := Open("to", storeTestOptions(fs))
	require.NoError(t, err)
	require.Len(t, readLog(t, s), 7)
	require.NoError(t, s.Close())
	_, err = Restore(fs, "to", bytes.NewReader(good), nil)
	require.ErrorContains(t, err, "choose an empty directory")

	file := func(name string) tarEntry {
		return tarEntry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o640}, []byte("x")}
	}
	edit := func(name string, change func(*tarEntry)) func([]tarEntry) []tarEntry {
		return func(all []tarEntry) []tarEntry {
			for i := range all {
				if all[i].h.Name == name {
					change(&all[i])
				}
			}
			return all
		}
	}
	insert := func(e tarEntry) func([]tarEntry) []tarEntry {
		return func(all []tarEntry) []tarEntry { return append([]tarEntry{all[0], e}, all[1:]...) }
	}
	for _, tc := range []struct {
		name string
		edit func([]tarEntry) []tarEntry
		want error
	}{
		{"absolute", insert(file("/etc/passwd")), ErrDamaged},
		{"parent", insert(file("log/../../x")), ErrDamaged},
		{"dots", insert(file("log/..")), ErrDamaged},
		{"backslash", insert(file(`log/..\x`)), ErrDamaged},
		{"unknown", insert(file("admin.key")), ErrDamaged},
		{"deep", insert(file("log/a/b")), ErrDamaged},
		{"link", insert(tarEntry{tar.Header{Typeflag: tar.TypeSymlink, Name: "log/a", Linkname: "/etc/passwd"}, nil}), ErrDamaged},
		{"hard link", insert(tarEntry{tar.Header{Typeflag: tar.TypeLink, Name: "log/a", Linkname: "WEIR-STORE"}, nil}), ErrDamaged},
		{"directory", insert(tarEntry{tar.Header{Typeflag: tar.TypeDir, Name: "log/"}, nil}), ErrDamaged},
		{"device", insert(tarEntry{tar.Header{Typeflag: tar.TypeChar, Name: "log/a"}, nil}), ErrDamaged},
		{"one too many", insert(file("WEIR-STORA")), ErrDamaged},
		{"not listed", func(all []tarEntry) []tarEntry {
			last := len(all) - 1
			return append(all[:last:last], file("state/zzz"), all[last])
		}, ErrDamaged},
		{"one missing", func(all []tarEntry) []tarEntry { return append(all[:2:2], all[3:]...) }, ErrDamaged},
		{"twice", func(all []tarEntry) []tarEntry { return append(all[:3:3], all[2:]...) }, ErrDamaged},
		{"no trailer", func(all []tarEntry) []tarEntry { return all[:len(all)-1] }, ErrDamaged},
		{"changed", edit("WEIR-STORE", func(e *tarEntry) { e.data[0] ^= 1 }), ErrDamaged},
		{"no head", func(all []tarEntry) []tarEntry { return all[1:] }, ErrNotArchive},
		{"newer", edit(archiveHeadName, func(e *tarEntry) { e.data, _ = json.Marshal(archiveHead{7, 7}) }), ErrNewerFormat},
		{"empty", func([]tarEntry) []tarEntry { return nil }, ErrNotArchive},
	} {
		fs := vfs.NewMem()
		_, err := Restore(fs, "to", bytes.NewReader(retar(t, tc.edit(untar(t, good)))), nil)
		require.ErrorIs(t, err, tc.want, tc.name)
		names, err := fs.List("to")
		require.NoError(t, err)
		require.LessOrEqual(t, len(names), 1, "%s: left %v", tc.name, names) // LOCK
	}

	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		_, err := Restore(vfs.NewMem(), "to", bytes.NewReader(good[:rng.IntN(len(good)-1024)]), nil)
		require.Error(t, err, "cut off")
		bad := bytes.Clone(good)
		at := rng.IntN(len(bad) - 1024)
		bad[at] ^= 1 << rng.IntN(8)
		a, err := Restore(vfs.NewMem(), "to", bytes.NewReader(bad), nil)
		if err == nil { // padding, or the time of an entry: then every file is what it was
			require.EqualValues(t, 5, a.Index, "byte %d", at)
		}
	}
}

func FuzzReadArchive(f *testing.F) {
	f.Add(sampleArchive(f))
	f.Add([]byte("weir"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = ReadArchive(bytes.NewReader(data), func(string, int64) (io.WriteCloser, error) { return nil, nil })
	})
}
