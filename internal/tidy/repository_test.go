package tidy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the repository, seen from this package.
const root = "../.."

func fail(t *testing.T, ps []Problem) {
	t.Helper()
	for _, p := range ps {
		t.Error(p)
	}
}

func load(t *testing.T) []*Package {
	t.Helper()
	pkgs, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) < 3 {
		t.Fatalf("found only %d packages below %s: is the walk broken?", len(pkgs), root)
	}
	return pkgs
}

func TestRepositoryImports(t *testing.T) { fail(t, CheckImports(load(t), Edges, Owners)) }

func TestRepositoryDocs(t *testing.T) { fail(t, CheckDocs(load(t))) }

func TestRepositoryText(t *testing.T) {
	ps, err := CheckText(root)
	if err != nil {
		t.Fatal(err)
	}
	fail(t, ps)
}

func TestRepositoryApply(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the imports of the apply packages")
	}
	for dir, patterns := range Apply {
		t.Run(dir, func(t *testing.T) {
			if !hasGo(root, dir) {
				t.Skipf("%s has no code yet", dir)
			}
			typed, err := LoadTyped(root, dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range unmatched(typed, patterns) {
				t.Errorf("%s: the pattern %q in Apply names no file", dir, p)
			}
			fail(t, CheckApply(typed, patterns))
		})
	}
}

// TestEmbedderLinksLittle proves that a program with only the engine in it carries no Raft, no
// Stripe, no command line and no dashboard.
func TestEmbedderLinksLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the engine")
	}
	if !hasGo(root, "engine") {
		t.Skip("engine has no code yet")
	}
	typed, err := LoadTyped(root, "engine")
	if err != nil {
		t.Fatal(err)
	}
	fail(t, CheckLinked("engine", typed.Deps, EmbedRefuses))
}

// TestTablesAreComplete wants a reason in every row, no row twice, and no module in the table
// that go.mod does not require (unless no code of its owner exists yet).
func TestTablesAreComplete(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range Edges {
		key := e.From + " -> " + e.To
		if e.Why == "" || seen[key] {
			t.Errorf("edge %s: no reason, or twice", key)
		}
		seen[key] = true
	}
	for _, o := range Owners {
		key := o.Package + " -> " + o.Module
		if o.Why == "" || seen[key] {
			t.Errorf("owner %s: no reason, or twice", key)
		}
		seen[key] = true
		_, err := os.Stat(filepath.Join(root, o.Package, "go.mod"))
		separate := err == nil // a module of its own
		if !separate && hasGo(root, o.Package) && !strings.Contains(string(mod), o.Module+" ") {
			t.Errorf("owner %s: go.mod does not require the module", key)
		}
	}
	if !slices.ContainsFunc(Edges, func(e Edge) bool { return e.From == "cmd/*" }) {
		t.Error("nobody may wire")
	}
}
