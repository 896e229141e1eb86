package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/weirtest"
)

// readmeBlocks are the blocks of a language in the README, in order.
func readmeBlocks(t *testing.T, language string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// TestReadmeShell pastes what the README says to paste: the curl lines at a `weir dev`, the commands at a `weir serve`. The
// blocks of TypeScript are run by the tests of that client.
func TestReadmeShell(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	tmp := t.TempDir()
	p, err := weirtest.Start(ctx, []string{"TMPDIR=" + tmp}, weirPath, "dev", "--demo=false", "--listen", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(p.Kill)
	base := strings.TrimSuffix(printedLine(ctx, t, p, `weir listens on (http://\S+)`), "/")
	curls := 0
	answers := ""
	for _, block := range readmeBlocks(t, "sh") {
		if strings.Contains(block, "curl") {
			curls++
			answers += shell(ctx, t, strings.ReplaceAll(block, "http://127.0.0.1:7070", base))
		}
	}
	require.Equal(t, 2, curls)
	require.Contains(t, answers, `"status":"counted"`)
	require.Contains(t, answers, `"value":1`, "the event is in the answer of the next line")
	require.Contains(t, answers, `"allowed":true`)
	require.Contains(t, answers, `"remaining":997`)
	require.NotContains(t, answers, "urn:weir:problem")

	run := readmeBlocks(t, "sh")
	readmeCommands(ctx, t, run[len(run)-1])
}

// readmeCommands runs the lines of a block: the server of the first one beside the others, and what works on the files of a server
// that has ended at last.
func readmeCommands(ctx context.Context, t *testing.T, block string) {
	t.Helper()
	dir := t.TempDir()
	s := serve(ctx, t, filepath.Join(dir, "data"))
	log := `example.com 192.0.2.7 - ann [` + time.Now().Add(-time.Hour).Format("02/Jan/2006:15:04:05 -0700") + `] "GET / HTTP/1.1" 200 12 "-" "-"` + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "access.log"), []byte(log), 0o600))
	ran := 0
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "  #")
		line = strings.ReplaceAll(strings.TrimSpace(line), "/var/lib/weir", filepath.Join(dir, "data"))
		switch {
		case strings.HasPrefix(line, "weir serve"):
			require.Contains(t, line, "--data "+filepath.Join(dir, "data"))
			continue // s is that
		case strings.HasPrefix(line, "weir verify"):
			require.Equal(t, 0, s.Interrupt(os.Interrupt))
		}
		ran++
		c := exec.CommandContext(ctx, "sh", "-c", line)
		c.Dir = dir
		c.Env = append(os.Environ(), "WEIR_SERVER="+s.Base, "WEIR_KEY="+s.Key, "PATH="+filepath.Dir(weirPath)+":"+os.Getenv("PATH"))
		text, err := c.CombinedOutput()
		require.NoError(t, err, "%s\n%s", line, text)
		switch {
		case strings.HasPrefix(line, "weir usage"):
			require.Contains(t, string(text), "3", "what the line before has recorded")
		case strings.HasPrefix(line, "weir import"):
			require.Contains(t, string(text), "1", "the line of the log")
		}
	}
	require.GreaterOrEqual(t, ran, 4)
}

// TestReadmeGo runs the Go blocks of the README: the first is a whole program, pasted as it is; the second is the body of a function.
func TestReadmeGo(t *testing.T) {
	ctx := deadline(t, 5*time.Minute)
	blocks := readmeBlocks(t, "go")
	require.Len(t, blocks, 2)
	s := serve(ctx, t, t.TempDir())
	for i, program := range []string{blocks[0], `package main

import (
	"context"
	"fmt"
	"os"

	"github.com/weirhq/weir/httpapi/client"
	"github.com/weirhq/weir/usage"
)

func ask(ctx context.Context) error {
` + blocks[1] + `
	fmt.Println(answer.Allowed)
	if err != nil {
		return err
	}
	return r.Close(ctx)
}

func main() {
	if err := ask(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
`} {
		out := runProgram(ctx, t, s, program)
		require.Contains(t, out, []string{"counted <nil>\ntrue <nil>\ntrue\n2 true\n1 days <nil>\n", "true"}[i])
	}
	a, err := s.Ask(ctx, http.MethodGet, "/v1/usage?meter=api_calls&tenant_id=acme", nil)
	require.NoError(t, err)
	require.Contains(t, string(a.Body), `"value":2`, "one consumed, one recorded")
}

// runProgram runs a program of the README with paths and addresses of the test's own, and returns what it printed.
func runProgram(ctx context.Context, t *testing.T, s *server, program string) string {
	dir := t.TempDir()
	program = strings.NewReplacer(`"usage.weir"`, "`"+filepath.Join(dir, "usage.weir")+"`", "/var/spool/myapp", filepath.Join(dir, "spool"),
		"http://127.0.0.1:7070", s.Base).Replace(program)
	source, overlay := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(source, []byte(program), 0o600))
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "internal/e2e/readme/main.go"): source}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, text, 0o600))
	c := exec.CommandContext(ctx, "go", "run", "-overlay", overlay, "./internal/e2e/readme")
	c.Dir = root
	c.Env = append(os.Environ(), "WEIR_KEY="+s.Key, "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s\n%s", out, program)
	return string(out)
}
