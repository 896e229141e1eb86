package tidy

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// CheckImports holds the non-test imports of every package against the tables.
func CheckImports(pkgs []*Package, edges []Edge, owners []Owner) []Problem {
	var ps []Problem
	for _, p := range pkgs {
		for _, f := range p.Files {
			for _, spec := range f.Syntax.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					continue // the parser has refused such a file already
				}
				if why := judgeImport(p.Path, imported, edges, owners); why != "" {
					ps = append(ps, Problem{f.Name, f.Line(spec), "import", why})
				}
			}
		}
	}
	return sortProblems(ps)
}

// judgeImport returns why pkg may not import imported, or "".
func judgeImport(pkg, imported string, edges []Edge, owners []Owner) string {
	if to, ours := strings.CutPrefix(imported, Module+"/"); ours {
		if strings.HasSuffix(to, "test") && !strings.HasSuffix(pkg, "test") {
			return fmt.Sprintf("%s is for tests; %s is product code", to, pkg)
		}
		for _, e := range edges {
			if covers(e.From, pkg) && covers(e.To, to) {
				return ""
			}
		}
		return fmt.Sprintf("%s may not import %s: no row in Edges", pkg, to)
	}
	if isStandard(imported) {
		return ""
	}
	known := false
	for _, o := range owners {
		if imported != o.Module && !strings.HasPrefix(imported, o.Module+"/") {
			continue
		}
		known = true
		if covers(o.Package, pkg) {
			return ""
		}
	}
	if known {
		return fmt.Sprintf("%s is owned by another package than %s: see Owners", imported, pkg)
	}
	return fmt.Sprintf("%s comes from a module without a row in Owners", imported)
}

// covers reports whether the pattern of a table names pkg.
func covers(pattern, pkg string) bool {
	if pattern == "*" || pattern == pkg {
		return true
	}
	dir, subtree := strings.CutSuffix(pattern, "/*")
	return subtree && strings.HasPrefix(pkg, dir+"/")
}

// isStandard reports whether importPath belongs to the standard library: only there does the
// first element have no dot.
func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(path.Clean(importPath), "/")
	return !strings.Contains(first, ".")
}

// CheckLinked reports which of the refused prefixes occur among the packages that a program links.
func CheckLinked(root string, linked, refuses []string) []Problem {
	var ps []Problem
	for _, l := range linked {
		for _, r := range refuses {
			if l == r || strings.HasPrefix(l, r+"/") {
				ps = append(ps, Problem{root, 0, "linked", "must not link " + l + " (EmbedRefuses)"})
			}
		}
	}
	return sortProblems(ps)
}
