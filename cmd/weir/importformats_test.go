package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestImportFormats(t *testing.T) {
	s := start(t, "dev", "--demo=false")
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	load := func(code int, want string, args ...string) string {
		t.Helper()
		got, stdout, stderr := run(t, nil, append([]string{"import", "--server", s.base}, args...)...)
		require.Equal(t, code, got, stderr)
		require.Contains(t, stdout, want)
		return stderr
	}
	now := time.Now().UTC().Add(-time.Hour)

	events := file("events.ndjson", fmt.Sprintf(`{"id":"1","tenant_id":"acme","feature_type":"api_calls","quantity":2,"timestamp":"%s"}
{"feature_type":"api_calls"}

{"feature_type":"api_calls"}
{"tenant_id":"acme","feature_tpye":"api_calls"}
{"feature_type":"api_ca`, now.Format(time.RFC3339)))
	stderr := load(exitFailed, "3 counted, 0 duplicates, 1 rejected, 0 lines not read", events, "--tenant", "fallback")
	require.Contains(t, stderr, "line 5:")
	require.Contains(t, stderr, "line 6 has no end yet")
	load(exitFailed, "0 counted, 3 duplicates", events, "--tenant", "fallback")

	text := fmt.Sprintf("\ufeffcustomer,calls,when,metadata.region,note\r\n\"acme, inc\",3,%s,eu,\"two\nlines\"\nglobex,1.5,%d,7,\nglobex,4,%d,true,x\n",
		now.Format(time.DateTime), now.Unix(), now.UnixMilli())
	table := file("usage.csv", text)
	columns := []string{table, "--map", "tenant_id=customer", "--map", "quantity=calls", "--map", "timestamp=when", "--feature", "api_calls"}
	stderr = load(exitFailed, "2 counted, 0 duplicates, 1 rejected", columns...)
	require.Contains(t, stderr, "too_many_decimals")
	load(exitFailed, "0 counted, 2 duplicates, 1 rejected", columns...)
	for args, want := range map[string]string{ // order-free: each by itself
		"":                              "no column is tenant_id",
		"--tenant a":                    "no column is feature_type",
		"--tenant a --map user_id=none": "there is no column none",
	} {
		code, _, stderr := run(t, nil, append([]string{"import", "--server", s.base, table}, strings.Fields(args)...)...)
		require.Equal(t, exitUsage, code, stderr)
		require.Contains(t, stderr, want)
	}

	// An import is resumed where it ended, as long as the file begins the same.
	var log strings.Builder
	for i := range 1200 {
		fmt.Fprintf(&log, `{"tenant_id":"res","feature_type":"api_calls","metadata":{"n":%d}}`+"\n", i)
	}
	grows := file("grows.ndjson", log.String())
	load(exitOK, "1200 counted, 0 duplicates", grows, "--resume")
	load(exitOK, "0 counted, 0 duplicates", grows, "--resume")
	file("grows.ndjson", log.String()+`{"tenant_id":"res","feature_type":"api_calls"}`+"\n")
	load(exitOK, "1 counted, 0 duplicates", grows, "--resume")
	file("grows.ndjson", `{"id":"new","tenant_id":"res","feature_type":"api_calls"}`+"\n")
	load(exitOK, "1 counted, 0 duplicates", grows, "--resume")
	require.NoError(t, os.WriteFile(grows+".weir-import", []byte("{"), 0o600))
	require.Contains(t, load(exitFailed, "", grows, "--resume"), "delete it")

	// Another file of the same name whose first line is equal is imported from its beginning.
	flags := []string{file("export.csv", "tenant_id,quantity\na,1\nb,2\n"), "--feature", "api_calls", "--resume"}
	load(exitOK, "2 counted, 0 duplicates", flags...)
	load(exitOK, "0 counted, 0 duplicates", flags...)
	file("export.csv", "tenant_id,quantity\nc,3\nd,4\ne,5\n")
	require.Contains(t, load(exitOK, "3 counted, 0 duplicates", flags...), "another file")
	file("export.csv", "tenant_id,quantity\nc,3\n") // shorter
	require.Contains(t, load(exitOK, "0 counted, 1 duplicates", flags...), "another file")
	require.Equal(t, exitOK, s.stop())
}

func TestCSVTime(t *testing.T) {
	want := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	for _, text := range []string{"2026-01-31T10:00:00Z", "2026-01-31T11:00:00+01:00", "2026-01-31 10:00:00", "1769853600", "1769853600000"} {
		got, err := csvTime(text)
		require.NoError(t, err)
		require.True(t, want.Equal(got), "%s: %s", text, got)
	}
	_, err := csvTime("yesterday")
	require.Error(t, err)
}

// TestImportRefuses: a line that POST /v1/events refuses is not counted, and the lines around it are.
func TestImportRefuses(t *testing.T) {
	s := start(t, "dev", "--demo=false")
	const good = `{"tenant_id":"a","feature_type":"api_calls"}`
	long := `{"tenant_id":"a","feature_type":"api_calls","metadata":{"x":"` + strings.Repeat("x", 80<<10) + `"}}`
	for i, test := range []struct {
		name, before, line, want string // want: what stderr says; "" counts
	}{
		{"x.ndjson", "", `{"tenant_id":"a","feature_type":"api_calls","quantity":null}`, "line 2: wrong_type"},
		{"x.ndjson", "", `{"tenant_id":"a","feature_type":"api_calls","timestamp":null}`, "line 2: wrong_type"},
		{"x.ndjson", "", `{"tenant_id":"a","feature_type":"api_calls","user_id":""}`, "line 2: invalid_value"},
		{"x.ndjson", "", `{"tenant_id":"a","feature_type":"api_calls","op":""}`, "line 2: invalid_value"},
		{"x.ndjson", "", `{"id":"","tenant_id":"a","feature_type":"api_calls"}`, "line 2: missing_field"},
		{"x.ndjson", "", `{"tenant_id":"","feature_type":"api_calls"}`, "line 2: missing_field"},
		{"x.ndjson", "", `{"tenant_id":"a","feature_type":"api_calls","timestamp":"` + time.Now().UTC().Format("2006-01-02T15:04:05") + `.1234567891Z"}`, "line 2: invalid_value"},
		{"x.ndjson", "", `{"tenant_id":"a","tenant_id":"b","feature_type":"api_calls"}`, "line 2: duplicate_key"},
		{"x.ndjson", "", `[` + good + `]`, "line 2: wrong_type"},
		{"x.ndjson", "", `{}`, ""}, // all that it lacks is given
		{"x.ndjson", "", ` { } `, ""},
		{"x.ndjson", "", `{} {}`, "line 2: malformed"},
		{"x.ndjson", "", long, "line 2: too_large"},
		{"x.ndjson", "", long[:lineBytesMax+1], "line 2: "},
		{"x.csv", "tenant_id,metadata.x", `a,b"c`, `line 3: bare "`},
		{"x.csv", "tenant_id,metadata.x", `a,"b"c`, `line 3: extraneous`},
		{"x.csv", "tenant_id,metadata.x", "a,\"b\n\"\"c\"d", `line 3: extraneous`},
		{"x.csv", "tenant_id,metadata.x", "a,\"b\n\"\"\r\n,c\"", ""},
		{"x.csv", "tenant_id,metadata.x", `a,b,c`, "line 3: it has 3 columns instead of 2"},
		{"x.csv", "tenant_id,metadata.x", `a,` + strings.Repeat("x", 80<<10), "line 3: too_large"},
		{"x.csv", "tenant_id,metadata.x", `a,"b`, "line 3: a quote that it begins does not end"},
	} {
		around := good
		if test.before != "" {
			around = "a,"
		}
		text := around + "\n" + test.line + "\n" + strings.Repeat(around+"\n", 100)
		if strings.Contains(test.want, "does not end") {
			text = around + "\n" + test.line + "\n" + strings.Repeat("a,"+strings.Repeat("y", 998)+"\n", 100)
		}
		if test.before != "" {
			text = test.before + "\n" + text
		}
		path := filepath.Join(t.TempDir(), test.name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		args := []string{"import", "--server", s.base, path, "--feature", "api_calls", "--source", fmt.Sprint(i)}
		if test.line == "{}" || test.line == " { } " {
			args = append(args, "--tenant", "t")
		}
		code, stdout, stderr := run(t, nil, args...)
		if test.want == "" {
			require.Equal(t, exitOK, code, "%.80s: %s", test.line, stderr)
			require.Contains(t, stdout, "102 counted, 0 duplicates, 0 rejected, 0 lines", test.line)
			continue
		}
		require.Equal(t, exitFailed, code, "%.80s", test.line)
		require.Contains(t, stderr, test.want, "%.80s", test.line)
		require.Contains(t, stdout, "101 counted, 0 duplicates", "%.80s", test.line)
		require.Contains(t, stderr, "1 lines were not counted", "%.80s", test.line)
	}
	require.Equal(t, exitOK, s.stop())
}

// TestImportGrowingCSV: half of a record does not count, and the whole counts once.
func TestImportGrowingCSV(t *testing.T) {
	s := start(t, "dev", "--demo=false")
	path := filepath.Join(t.TempDir(), "grows.csv")
	args := []string{"import", "--server", s.base, path, "--feature", "api_calls"}
	for _, more := range [][]string{nil, {"--resume"}} {
		last, left := "1 counted", "was taken as whole" // many programs end a file without a line feed
		if more != nil {
			last, left = "0 counted", "line 4 has no end yet"
		}
		text := "tenant_id,quantity,metadata.x\na,1,\n"
		for _, step := range []struct{ add, want, note string }{
			{"", "1 counted", ""},
			{"\na,1", "0 counted", "line 4 has no end yet"},
			{"2,x", last, left},
			{"\na,3,\"y\n", map[string]string{"1 counted": "0 counted", "0 counted": "1 counted"}[last], "line 5 has no end yet"},
			{"z\"\r\n", "1 counted", ""},
		} {
			text += step.add
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			code, stdout, stderr := run(t, nil, append(append(args, more...), "--source", fmt.Sprint("s", len(more)))...)
			require.Equal(t, exitOK, code, stderr)
			require.Contains(t, stdout, step.want, "%q", text)
			require.Contains(t, stderr, step.note, "%q", text)
			require.NotContains(t, stderr, "another file", "%q", text)
		}
	}
	code, stdout, _ := run(t, nil, "usage", "--server", s.base, "--meter", "api_calls", "--tenant", "a")
	require.Equal(t, exitOK, code)
	require.Contains(t, stdout, `"value":32,`)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	code, _, stderr := run(t, nil, args...)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "no header line")
	require.Equal(t, exitOK, s.stop())
}

func TestResumeInTheMiddle(t *testing.T) {
	var p place
	p.mark = 5
	p.pass([]byte("ab\n"), 3, 1)
	p.pass([]byte("c\n"), 2, 1)
	want := p.tailHash()
	for range 3000 {
		p.pass([]byte("0123456789\n"), 11, 1)
	}
	require.Equal(t, want, p.marked)
	require.NotEqual(t, want, p.tailHash())
	require.Less(t, cap(p.tail), 16*tailBytes)
}
