package weirtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// module is what is built.
const module = "github.com/weirhq/weir/cmd/weir"

// Build builds the binary into dir, as it is shipped: without CGO. It returns the path.
func Build(ctx context.Context, dir string) (string, error) {
	return build(ctx, filepath.Join(dir, "weir"))
}

func build(ctx context.Context, path string, flags ...string) (string, error) {
	args := append([]string{"build", "-buildvcs=false", "-o", path}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, module)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build weir: %w\n%s", err, text)
	}
	return path, nil
}
