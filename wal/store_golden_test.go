package wal

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// The golden store was written by version 1 and must stay readable for ever: by Open as it is, and
// with everything in it found. It has tables, a WAL to replay, a checkpoint, a dedup run and
// blocks after the checkpoint. A new format gets a new directory beside it; -store-rewrite is
// for the day the format is first fixed, and never after a release.
const (
	goldenStoreDir        = "testdata/golden-v1"
	goldenStoreBlocks     = 6
	goldenStoreCheckpoint = 4
	goldenStoreBytesMax   = 200 << 10
)

var storeRewrite = flag.Bool("store-rewrite", false, "write the golden store anew")

func TestStoreGolden(t *testing.T) {
	if *storeRewrite {
		writeGoldenStore(t)
	}
	size := int64(0)
	require.NoError(t, filepath.Walk(goldenStoreDir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			size += info.Size()
		}
		return err
	}))
	require.Less(t, size, int64(goldenStoreBytesMax))

	// Opening writes, so it is done on a copy.
	dir := filepath.Join(t.TempDir(), "store")
	require.NoError(t, os.CopyFS(dir, os.DirFS(goldenStoreDir)))
	s, err := Open(dir, storeTestOptions(vfs.Default))
	require.NoError(t, err)
	require.NoError(t, checkStore(s, goldenStoreBlocks, goldenStoreBlocks, goldenStoreCheckpoint, goldenStoreCheckpoint))
	m := &storeModel{s: s, submitted: s.LastIndex()}
	require.NoError(t, m.append(true))
	require.NoError(t, m.commit())
	require.NoError(t, s.Close())
}

func writeGoldenStore(t *testing.T) {
	require.NoError(t, os.RemoveAll(goldenStoreDir))
	s, err := Open(goldenStoreDir, storeTestOptions(vfs.Default))
	require.NoError(t, err)
	m := &storeModel{s: s}
	for i := range goldenStoreBlocks {
		if i == goldenStoreCheckpoint {
			require.NoError(t, m.commit())
			require.NoError(t, s.log.Flush())
		}
		require.NoError(t, m.append(true))
	}
	require.NoError(t, s.Close())
}
