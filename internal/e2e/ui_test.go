package e2e

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestUI opens the pages of the binary in a real Chromium: every page in both themes under axe, every form, live updates, signing in,
// a server that goes away, the keyboard alone. The tests themselves are httpapi/ui/web/e2e.
func TestUI(t *testing.T) {
	if testing.Short() || flag.Lookup("test.run").Value.String() == "" {
		t.Skip("drives a browser for a minute or two: make ui-test, or -run TestUI")
	}
	web, err := filepath.Abs("../../httpapi/ui/web")
	require.NoError(t, err)
	for _, need := range []string{"node", "chromium"} {
		if _, err := exec.LookPath(need); err != nil {
			t.Skipf("%s is not installed: .ci/deps", need)
		}
	}
	if _, err := os.Stat(filepath.Join(web, "node_modules", "playwright-core")); err != nil {
		t.Skip("the packages of the pages are not installed: make ui-deps")
	}
	ctx := deadline(t, 20*time.Minute)
	cmd := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", "e2e/all.test.mjs")
	cmd.Dir = web
	cmd.Env = append(os.Environ(), "BINARY="+weirPath)
	cmd.WaitDelay = 10 * time.Second
	text, err := cmd.CombinedOutput()
	t.Logf("%s", text)
	require.NoError(t, err)
}
