package wal

import (
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// As written by version 1; must stay readable.
const manifestGolden = `weir store
version 1
oldest-reader 1
pebble-format 21
phase ready
crc32c e4b264b7
`

func TestManifestGolden(t *testing.T) {
	m := manifest{1, 1, 21, phaseReady}
	require.Equal(t, manifestGolden, string(m.encode()))
	got, err := parseManifest([]byte(manifestGolden))
	require.NoError(t, err)
	require.Equal(t, m, got)
	require.Equal(t, pebble.FormatMajorVersion(21), pebbleFormat, "a new pinned format needs a new golden store")
}

func TestManifestVersions(t *testing.T) {
	for _, c := range []struct {
		m    manifest
		want error
	}{
		{manifest{7, 1, 21, phaseReady}, nil}, // newer, but it says that we may
		{manifest{7, 7, 21, phaseReady}, ErrNewerFormat},
		{manifest{1, 1, uint32(pebble.FormatNewest) + 1, phaseReady}, ErrNewerFormat},
		{manifest{1, 2, 21, phaseReady}, ErrNewerFormat},
		{manifest{1, 1, 21, "odd"}, ErrCorrupt},
		{manifest{1, 1, 20, phaseReady}, ErrCorrupt}, // no version of ours wrote that
	} {
		_, err := parseManifest(c.m.encode())
		require.ErrorIs(t, err, c.want, "%+v", c.m)
	}
	// A future manifest may have other lines and another checksum: still newer, not corrupt.
	_, err := parseManifest([]byte("weir store\nversion 9\noldest-reader 8\nwhatever\n"))
	require.ErrorIs(t, err, ErrNewerFormat)
	for _, text := range []string{
		"", "weir store\n", "something else", strings.Replace(manifestGolden, "21", "22", 1),
		strings.TrimSuffix(manifestGolden, "\n"), manifestGolden + "x",
	} {
		_, err := parseManifest([]byte(text))
		require.ErrorIs(t, err, ErrCorrupt, "%q", text)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(manifestGolden))
	f.Add([]byte("weir store\nversion 9\noldest-reader 8\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text)
		if err != nil {
			return
		}
		again, err := parseManifest(m.encode())
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}

func TestOpenRefusesOtherDirectories(t *testing.T) {
	write := func(fs vfs.FS, name, text string) {
		require.NoError(t, fs.MkdirAll("/data", 0o755))
		require.NoError(t, writeFileSynced(fs, name, []byte(text)))
	}
	for _, c := range []struct {
		name string
		make func(fs *vfs.MemFS)
		want error
	}{
		{"foreign file", func(fs *vfs.MemFS) { write(fs, "/data/notes.txt", "mine") }, ErrNotStore},
		{"newer store", func(fs *vfs.MemFS) {
			write(fs, "/data/"+manifestName, string(manifest{7, 7, 21, phaseReady}.encode()))
		}, ErrNewerFormat},
		{"damaged manifest", func(fs *vfs.MemFS) { write(fs, "/data/"+manifestName, manifestGolden[:40]) }, ErrCorrupt},
		{"manifest lost", func(fs *vfs.MemFS) {
			require.NoError(t, openTestStore(t, fs).Close())
			require.NoError(t, fs.Remove("/data/"+manifestName))
			require.NoError(t, fs.Remove("/data/"+ingestDirName))
		}, ErrNotStore},
		{"log lost", func(fs *vfs.MemFS) {
			require.NoError(t, openTestStore(t, fs).Close())
			require.NoError(t, fs.RemoveAll("/data/"+logDirName))
		}, ErrCorrupt},
		{"state lost", func(fs *vfs.MemFS) {
			require.NoError(t, openTestStore(t, fs).Close())
			require.NoError(t, fs.RemoveAll("/data/"+stateDirName))
		}, ErrCorrupt},
	} {
		fs := vfs.NewMem()
		c.make(fs)
		before := fs.String()
		_, err := Open("/data", storeTestOptions(fs))
		require.ErrorIs(t, err, c.want, c.name)
		require.ErrorContains(t, err, "/data", c.name)
		if !strings.Contains(before, lockName) {
			require.NoError(t, fs.Remove("/data/"+lockName))
		}
		require.Equal(t, before, fs.String(), "%s: nothing was changed", c.name)
	}
	fs := vfs.NewMem()
	require.NoError(t, fs.MkdirAll("/data/lost+found", 0o755))
	openTestStore(t, fs)
}

// An interrupted first Open leaves phase "creating": whatever else is there was never used.
func TestOpenStartsOverAfterInterruptedCreation(t *testing.T) {
	fs := vfs.NewMem()
	s := openTestStore(t, fs)
	require.NoError(t, (&storeModel{s: s}).append(true))
	require.NoError(t, s.Close())
	require.NoError(t, writeManifest(fs, "/data", manifest{1, 1, uint32(pebbleFormat), phaseCreating}))

	o := storeTestOptions(fs)
	o.ReadOnly = true
	_, err := Open("/data", o)
	require.ErrorIs(t, err, ErrNotStore)
	require.Zero(t, openTestStore(t, fs).LastIndex())
}
