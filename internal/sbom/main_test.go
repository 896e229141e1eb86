package main

import (
	"encoding/json"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBill(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8", Main: debug.Module{Path: "github.com/weirhq/weir", Version: "(devel)"},
		Deps: []*debug.Module{
			{Path: "example.org/a", Version: "v1.2.3", Sum: "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
			{Path: "example.org/b", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/fork", Version: "v9.0.0"}},
		},
	}
	text, err := json.Marshal(billOf(info))
	require.NoError(t, err)
	require.JSONEq(t, `{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"metadata": {"component": {"type": "application", "bom-ref": "pkg:golang/github.com/weirhq/weir", "name": "github.com/weirhq/weir", "version": "(devel)", "purl": "pkg:golang/github.com/weirhq/weir"}},
		"components": [
			{"type": "library", "bom-ref": "pkg:golang/std@1.26.8", "name": "std", "version": "1.26.8", "purl": "pkg:golang/std@1.26.8"},
			{"type": "library", "bom-ref": "pkg:golang/example.org/a@v1.2.3", "name": "example.org/a", "version": "v1.2.3", "purl": "pkg:golang/example.org/a@v1.2.3",
				"hashes": [{"alg": "SHA-256", "content": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]},
			{"type": "library", "bom-ref": "pkg:golang/example.org/fork@v9.0.0", "name": "example.org/fork", "version": "v9.0.0", "purl": "pkg:golang/example.org/fork@v9.0.0"}],
		"dependencies": [{"ref": "pkg:golang/github.com/weirhq/weir", "dependsOn": ["pkg:golang/std@1.26.8", "pkg:golang/example.org/a@v1.2.3", "pkg:golang/example.org/fork@v9.0.0"]}]}`, string(text))
}
