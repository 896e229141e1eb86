package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/weirtest"
	"github.com/weirhq/weir/usage"
)

// TestDev pastes the lines that `weir dev` prints into a shell: the first records an event, the
// second shows it at once; Ctrl-C ends it and leaves nothing behind.
func TestDev(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed, and the printed lines are for curl")
	}
	for _, test := range []struct {
		name string
		args []string
	}{
		{"demo", nil},
		{"empty", []string{"--demo=false"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := deadline(t, time.Minute)
			tmp := t.TempDir()
			args := append([]string{"dev", "--listen", "127.0.0.1:0"}, test.args...)
			p, err := weirtest.Start(ctx, []string{"TMPDIR=" + tmp}, weirPath, args...)
			require.NoError(t, err)
			t.Cleanup(p.Kill)
			record := printedLine(ctx, t, p, `(?m)^ +(curl .*/v1/events.*)$`)
			query := printedLine(ctx, t, p, `(?m)^ +(curl .*/v1/usage.*)$`)
			before := day(t, shell(ctx, t, query))

			var out usage.Outcome
			text := shell(ctx, t, record)
			require.NoError(t, json.Unmarshal([]byte(text), &out), text)
			require.Equal(t, usage.StatusCounted, out.Status, text)
			after := day(t, shell(ctx, t, query))
			if test.name == "empty" {
				require.Equal(t, []int64{0, 1}, []int64{before, after})
			} else {
				require.Greater(t, after, before) // the demo's own traffic goes on
			}
			require.Contains(t, shell(ctx, t, record), `"status":"duplicate"`, "the same line again")

			require.NotEmpty(t, list(t, tmp), "its data is below TMPDIR")
			require.Equal(t, 0, p.Interrupt(os.Interrupt), "the exit code after Ctrl-C\n%s", &p.Stderr)
			require.Empty(t, list(t, tmp), "temporary data is left")
		})
	}
}

// printedLine waits for a line on the standard output and answers its first group.
func printedLine(ctx context.Context, t *testing.T, p *weirtest.Process, pattern string) string {
	t.Helper()
	line := regexp.MustCompile(pattern)
	for {
		if m := line.FindStringSubmatch(p.Stdout.String()); m != nil {
			return m[1]
		}
		require.False(t, p.Ended(), "it ended: %s%s", &p.Stdout, &p.Stderr)
		require.NoError(t, ctx.Err(), "it does not print %s:\n%s%s", pattern, &p.Stdout, &p.Stderr)
		time.Sleep(5 * time.Millisecond)
	}
}

// shell runs a line as a person would.
func shell(ctx context.Context, t *testing.T, line string) string {
	t.Helper()
	p, err := weirtest.Start(ctx, nil, "sh", "-c", line)
	require.NoError(t, err)
	<-p.Done
	require.Equal(t, 0, p.Cmd.ProcessState.ExitCode(), "%s\n%s", line, &p.Stderr)
	return p.Stdout.String()
}

// day answers the sum of the rows that a usage query answered.
func day(t *testing.T, text string) int64 {
	t.Helper()
	var rows usage.Rows
	require.NoError(t, json.Unmarshal([]byte(text), &rows), text)
	var sum int64
	for _, row := range rows.Data {
		var n int64
		require.NoError(t, json.Unmarshal([]byte(row.Value.String()), &n))
		sum += n
	}
	return sum
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
