package tidy

// Each check is run on code that breaks it: a checker that finds nothing anywhere is worth nothing.

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pkg parses sources given as name, content pairs into one package.
func pkg(t *testing.T, dir string, sources ...string) *Package {
	t.Helper()
	p := &Package{Path: dir}
	for i := 0; i < len(sources); i += 2 {
		f, err := parse(dir+"/"+sources[i], []byte(sources[i+1]))
		if err != nil {
			t.Fatal(err)
		}
		p.Name = f.Syntax.Name.Name
		p.Files = append(p.Files, f)
	}
	return p
}

func TestImports(t *testing.T) {
	cases := []struct{ pkg, imported, want string }{
		{"usage", "encoding/json", ""},
		{"usage", Module + "/internal/civil", "no row in Edges"},
		{"usage", "github.com/zeebo/xxh3", "owned by another package"},
		{"quota", Module + "/usage", ""},
		{"quota", Module + "/rollup", "no row in Edges"},
		{"wal", Module + "/engine", "no row in Edges"}, // upwards
		{"wal", "github.com/cockroachdb/pebble/v2", ""},
		{"wal", "github.com/cockroachdb/pebble/v2/vfs", ""},
		{"wal", "github.com/cockroachdb/pebble", "without a row"}, // v1 is another module
		{"engine", "github.com/cockroachdb/pebble/v2", "owned by another package"},
		{"engine", Module + "/rollup/forecast", "no row in Edges"},
		{"httpapi", Module + "/alert", "no row in Edges"}, // adapters never import each other
		{"httpapi/client", Module + "/engine", "no row in Edges"},
		{"internal/civil", Module + "/usage", "no row in Edges"},
		{"cmd/weir", Module + "/httpapi", ""},
		{"cmd/weir", Module + "/internal/commitlogtest", "is for tests"},
		{"cmd/weir", "github.com/spf13/cobra", ""},
		{"cmd/weir", "example.com/new", "without a row"},
		{"bench", Module + "/engine", ""},
	}
	for _, c := range cases {
		p := pkg(t, c.pkg, "x.go", fmt.Sprintf("package x\n\nimport _ %q\n", c.imported))
		ps := CheckImports([]*Package{p}, Edges, Owners)
		switch {
		case c.want == "" && len(ps) != 0:
			t.Errorf("%s imports %s: %v, want no problem", c.pkg, c.imported, ps)
		case c.want != "" && (len(ps) != 1 || !strings.Contains(ps[0].Message, c.want) || ps[0].Line != 3):
			t.Errorf("%s imports %s: %v, want one with %q on line 3", c.pkg, c.imported, ps, c.want)
		}
	}
}

func TestLinked(t *testing.T) {
	linked := []string{"fmt", Module + "/raftfsm", "github.com/hashicorp/raft", "github.com/hashicorp/raftx"}
	if ps := CheckLinked("engine", linked, EmbedRefuses); len(ps) != 2 {
		t.Errorf("got %v, want raft and raftfsm but not raftx", ps)
	}
}

func TestDocs(t *testing.T) {
	const doc = "// Package x is fine.\npackage x\n"
	cases := []struct {
		name    string
		sources []string
		want    []string // rules, in order of place
	}{
		{"good", []string{"doc.go", doc + "// F does.\nfunc F() {}\n"}, nil},
		{"no package comment", []string{"a.go", "package x\n"}, []string{"package-doc"}},
		{"wrong opening", []string{"a.go", "// This is x.\npackage x\n"}, []string{"package-doc"}},
		{"two package comments", []string{"a.go", doc, "b.go", doc}, []string{"package-doc"}},
		{"command", []string{"a.go", "// Command cmd runs.\npackage main\n\nfunc Exported() {}\n"}, nil},
		{"command misnamed", []string{"a.go", "// Package main runs.\npackage main\n"}, []string{"package-doc"}},
		{"bare func", []string{"a.go", doc + "func F() {}\n"}, []string{"doc"}},
		{"bare type", []string{"a.go", doc + "type T int\n"}, []string{"doc"}},
		{"bare method", []string{"a.go", doc + "// T is.\ntype T[P any] int\nfunc (*T[P]) M() {}\n"}, []string{"doc"}},
		{"hidden method", []string{"a.go", doc + "type t int\nfunc (t) M() {}\n"}, nil},
		{"group", []string{"a.go", doc + "// All of them.\nconst (\n\tA = 1\n\tB = 2\n)\n"}, nil},
		{"bare in group", []string{"a.go", doc + "var (\n\tA = 1 // is one\n\tB = 2\n\tc = 3\n)\n"}, []string{"doc"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range CheckDocs([]*Package{pkg(t, "cmd", c.sources...)}) {
				got = append(got, p.Rule)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestApply compares the problems of testdata/apply with the "want" comments in it, line by line.
func TestApply(t *testing.T) {
	typed, err := LoadTyped(root, "internal/tidy/testdata/apply")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join("testdata", "apply", "bad.go"))
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`// want "([a-z-]+)"`)
	got := map[int][]string{}
	for _, p := range CheckApply(typed, []string{"bad*.go"}) {
		if filepath.Base(p.File) != "bad.go" {
			t.Errorf("%v: outside the pattern", p)
		}
		if !slices.Contains(got[p.Line], p.Rule) {
			got[p.Line] = append(got[p.Line], p.Rule)
		}
	}
	for i, line := range strings.Split(string(source), "\n") {
		var expect []string
		if m := want.FindStringSubmatch(line); m != nil {
			expect = []string{m[1]}
		}
		if !slices.Equal(got[i+1], expect) {
			t.Errorf("bad.go:%d: got %v, want %v: %s", i+1, got[i+1], expect, line)
		}
	}
	if none := unmatched(typed, []string{"bad*.go", "gone.go"}); !slices.Equal(none, []string{"gone.go"}) {
		t.Errorf("unmatched = %v", none)
	}
}

func TestFiles(t *testing.T) {
	long := "package x\n" + strings.Repeat("\n// A line.\n", 260)
	cases := []struct {
		name, file, content string
		want                []string
	}{
		{"good", "a.go", "package x\n", nil},
		{"format", "a.go", "package  x\n", []string{"gofmt"}},
		{"syntax", "a.go", "package\n", []string{"gofmt"}},
		{"long", "a.go", long, []string{"length"}},
		{"long but generated", "a.go", "// Code generated by x. DO NOT EDIT.\n" + long, nil},
		{"long text", "a.md", strings.Repeat("word\n", 600), nil},
		{"put off", "a.md", "one\nTO" + "DO: later\n", []string{"put-off"}},
		{"not put off", "a.md", "mas" + "TODON and a to-do list\n", nil},
		{"local path", "Makefile", "cp x /wo" + "rk/main\n", []string{"local-path"}},
		{"home of root", "a.md", "see `/ro" + "ot/.profile`\n", []string{"local-path"}},
		{"part of a longer path", "a.md", "src/wo" + "rk/x and https://x.org/wo" + "rk/ are fine\n", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range CheckFile(c.file, []byte(c.content)) {
				got = append(got, p.Rule)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestWalk wants ignored directories and large files left out, and binary files recognised.
func TestWalk(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a.md": "x", "dist/b.md": "x", ".git/c": "x", "linked/.git": "x", "d/bench/out/e.json": "x", "f.bin": "\x00",
		"big.md": strings.Repeat("x", fileBytesMax+1),
	} {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err := walk(dir, func(name string, content []byte) error {
		if isText(content) {
			got = append(got, name)
		}
		return nil
	})
	if err != nil || !slices.Equal(got, []string{"a.md", "d/bench/out/e.json"}) {
		t.Errorf("walk = %v, %v", got, err)
	}
}
