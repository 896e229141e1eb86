package forecast

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden compares v, as JSON, with a file. Numbers keep 6 digits: processors that fuse a multiplication and an
// addition differ in the last ones.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	require.NoError(t, dec.Decode(&tree))
	got, err := json.MarshalIndent(short(tree), "", "  ")
	require.NoError(t, err)
	got = append(got, '\n')
	path := filepath.Join("testdata", name+".golden.json")
	if *rewrite {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func short(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = short(v[key])
		}
	case []any:
		for i := range v {
			v[i] = short(v[i])
		}
	case json.Number:
		f, _ := v.Float64()
		return json.Number(strconv.FormatFloat(f, 'g', 6, 64))
	}
	return v
}
