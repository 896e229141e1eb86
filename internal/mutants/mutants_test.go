package mutants

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	all      = flag.Bool("mutants.all", false, "plant every bug; else only a few")
	only     = flag.String("mutants.only", "", "a regular expression of the names to plant")
	simSeeds = flag.Int("mutants.seeds", 60, "runs of the simulator in which a bug must be found")
)

const (
	root = "../.."
	// plantedMax bounds the build and the tests of one bug.
	plantedMax = 10 * time.Minute
)

// TestPlantedBugs plants the bugs one after another and wants each to be found.
func TestPlantedBugs(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the engine once for each bug; the tests without -short plant some, make mutants all")
	}
	var report []string
	found, planted := 0, 0
	for _, b := range bugs {
		if !b.quick && !*all && *only == "" || *only != "" && !regexp.MustCompile(*only).MatchString(b.name) {
			continue
		}
		planted++
		t.Run(b.name, func(t *testing.T) {
			by, took := b.plant(t)
			report = append(report, fmt.Sprintf("| %s | %s | %.0f s |", b.name, by, took.Seconds()))
			require.NotEmpty(t, by, "nothing found it")
			found++
		})
	}
	t.Logf("%d of %d planted bugs found\n| bug | found by | took, with its build |\n|---|---|---|\n%s", found, planted, strings.Join(report, "\n"))
}

// TestEditsFit makes sure that every bug can still be planted.
func TestEditsFit(t *testing.T) {
	for _, b := range bugs {
		_, err := b.overlay(t.TempDir())
		require.NoError(t, err, b.name)
	}
}

// overlay writes the changed files into dir and returns the file that tells the compiler of them.
func (b *planted) overlay(dir string) (string, error) {
	replace := make(map[string]string)
	changed := make(map[string]string)
	for _, e := range b.edits {
		path, err := filepath.Abs(filepath.Join(root, e.file))
		if err != nil {
			return "", err
		}
		text, known := changed[path]
		if !known {
			raw, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			text = string(raw)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return "", fmt.Errorf("%s: the text to replace stands there %d times: %s", e.file, n, e.old)
		}
		changed[path] = strings.Replace(text, e.old, e.new, 1)
	}
	for path, text := range changed { // order-free: each file by itself
		to := filepath.Join(dir, strings.ReplaceAll(filepath.Base(path), ".go", fmt.Sprintf("_%d.go", len(replace))))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[path] = to
	}
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, raw, 0o600)
}

// plant runs the tests that must find the bug and returns the first that did; "" when they all pass.
func (b *planted) plant(t *testing.T) (by string, took time.Duration) {
	overlay, err := b.overlay(t.TempDir())
	require.NoError(t, err)
	pkg, run, more := b.pkg, b.run, b.args
	if run == "" {
		pkg, run, more = "./internal/sim", "TestSim", []string{fmt.Sprint("-sim.seeds=", *simSeeds), "-sim.seed=1"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), plantedMax)
	defer cancel()
	args := append([]string{"test", "-overlay", overlay, "-count=1", "-timeout=8m", "-run", run, pkg}, more...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	took = time.Since(begin)
	require.NotContains(t, string(out), "no tests to run")
	if err == nil {
		return "", took
	}
	require.NotContains(t, string(out), "build failed", "%s", out)
	require.NotContains(t, string(out), "setup failed", "%s", out)
	return finder(string(out)), took
}

var (
	failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	failedRun  = regexp.MustCompile(`found in run (\d+)`)
	stuckRun   = regexp.MustCompile(`stuck in run (\d+)`)
	broken     = regexp.MustCompile(`but was \[([a-z_]+):`)
	said       = regexp.MustCompile(`(?m)^\s*(?:Messages|Error):\s+(?:Received unexpected error:\n\s+)?(\S.*)$`)
	panicked   = regexp.MustCompile(`(?m)^panic: (.*)$`)
)

// finder says which check found a bug, from the output of go test.
func finder(out string) string {
	first := func(re *regexp.Regexp) string {
		if m := re.FindStringSubmatch(out); m != nil {
			return strings.TrimSpace(m[1])
		}
		return ""
	}
	run := first(failedRun)
	switch {
	case first(stuckRun) != "":
		return "simulator: it hangs, run " + first(stuckRun)
	case run != "" && first(broken) != "":
		return "simulator: " + first(broken) + ", run " + run
	case run != "":
		return "simulator: " + brief(first(said)) + ", run " + run
	case first(failedTest) != "":
		return first(failedTest) + ": " + brief(first(said))
	case first(panicked) != "":
		return "a panic: " + brief(first(panicked))
	default:
		return "a failure of another kind"
	}
}

// brief cuts a sentence to what fits a cell of a table.
func brief(text string) string {
	if text = strings.ReplaceAll(text, "|", "/"); len(text) > 70 {
		text = text[:70] + "..."
	}
	return text
}
