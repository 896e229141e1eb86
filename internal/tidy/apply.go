package tidy

// Apply code turns the log into state, and every replica must reach the same state. The type
// checker sees what a text search would miss: a range over a map behind a type name, a float that
// comes out of a call, time.Now under another import name.

import (
	"fmt"
	"go/ast"
	"go/types"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// forbiddenImports are packages whose answers differ from run to run.
var forbiddenImports = map[string]string{
	"math/rand":    "randomness",
	"math/rand/v2": "randomness",
	"crypto/rand":  "randomness",
	"hash/maphash": "a hash seeded anew in every process",
}

// forbiddenUses are functions that answer from outside the log.
var forbiddenUses = map[string]string{
	"time.Now": "the clock", "time.Since": "the clock", "time.Until": "the clock",
	"time.Sleep": "the clock", "time.After": "the clock", "time.AfterFunc": "the clock",
	"time.Tick": "the clock", "time.NewTimer": "the clock", "time.NewTicker": "the clock",
	"time.Local": "the machine's zone",
	"os.Getenv":  "the environment", "os.LookupEnv": "the environment",
	"maps.Keys": "map order (slices.Sorted(maps.Keys(m)) is fine)",
	"maps.All":  "map order", "maps.Values": "map order",
	"sync.Map.Range": "map order",
}

// orderFree is the marker that permits a range over a map, with a reason, on the line before it or
// at the end of its line.
var orderFree = regexp.MustCompile(`//\s*order-free:\s*\S+`)

// CheckApply reports in the files of t that match one of patterns: clocks, randomness, floats, and
// ranges over maps whose order nobody vouched for.
func CheckApply(t *Typed, patterns []string) []Problem {
	var ps []Problem
	for _, f := range t.Files {
		if !matchesAny(patterns, path.Base(f.Name)) {
			continue
		}
		c := &applyChecker{t: t, f: f, marked: markedLines(f), sorted: map[ast.Expr]bool{}}
		ast.Inspect(f.Syntax, c.visit)
		ps = append(ps, c.problems...)
	}
	return sortProblems(ps)
}

func matchesAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}

// markedLines returns the lines that carry an order-free comment or directly follow one.
func markedLines(f *File) map[int]bool {
	lines := map[int]bool{}
	for _, group := range f.Syntax.Comments {
		for _, c := range group.List {
			if orderFree.MatchString(c.Text) {
				lines[f.Line(c)] = true
				lines[f.fset.Position(group.End()).Line+1] = true
			}
		}
	}
	return lines
}

type applyChecker struct {
	t        *Typed
	f        *File
	marked   map[int]bool
	sorted   map[ast.Expr]bool // calls whose result goes straight into slices.Sorted
	problems []Problem
}

func (c *applyChecker) report(n ast.Node, rule, format string, args ...any) {
	c.problems = append(c.problems, Problem{c.f.Name, c.f.Line(n), rule, fmt.Sprintf(format, args...)})
}

func (c *applyChecker) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ImportSpec:
		importPath, _ := strconv.Unquote(n.Path.Value)
		if what := forbiddenImports[importPath]; what != "" {
			c.report(n, "apply", "%s brings %s into apply code", importPath, what)
		}
	case *ast.RangeStmt:
		if typ := c.t.Info.TypeOf(n.X); typ != nil && isMap(typ) && !c.marked[c.f.Line(n)] {
			c.report(n, "map-order", "range over a map: sort the keys, or vouch with"+
				" \"// order-free: reason\" above it")
		}
	case *ast.CallExpr:
		if name := c.nameOf(n.Fun); strings.HasPrefix(name, "slices.Sorted") && len(n.Args) > 0 {
			if inner, ok := n.Args[0].(*ast.CallExpr); ok {
				c.sorted[inner.Fun] = true
			}
		}
	case *ast.SelectorExpr:
		if name := c.nameOf(n); !c.sorted[n] && forbiddenUses[name] != "" && !c.marked[c.f.Line(n)] {
			c.report(n, "apply", "%s brings %s into apply code", name, forbiddenUses[name])
		}
	}
	if e, ok := n.(ast.Expr); ok {
		c.checkFloat(e)
	}
	return true
}

// checkFloat reports e when its type is, or spells, a floating-point type. Integer arithmetic is
// the same everywhere; fused multiply-add makes floats differ between processors.
func (c *applyChecker) checkFloat(e ast.Expr) {
	tv, ok := c.t.Info.Types[e]
	if !ok || tv.Type == nil {
		return
	}
	basic, ok := tv.Type.Underlying().(*types.Basic)
	if ok && basic.Info()&(types.IsFloat|types.IsComplex) != 0 {
		c.report(e, "float", "%s in apply code: use scaled integers", basic.Name())
	}
}

// nameOf returns "package.Function" or "package.Type.Method" for what e refers to, or "".
func (c *applyChecker) nameOf(e ast.Expr) string {
	if index, ok := e.(*ast.IndexExpr); ok { // an instantiated generic function
		e = index.X
	}
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	obj := c.t.Info.Uses[sel.Sel]
	if obj == nil || obj.Pkg() == nil {
		return ""
	}
	name := obj.Pkg().Path() + "."
	if fn, ok := obj.(*types.Func); ok && fn.Signature().Recv() != nil {
		recv := fn.Signature().Recv().Type()
		if ptr, ok := recv.(*types.Pointer); ok {
			recv = ptr.Elem()
		}
		if named, ok := recv.(*types.Named); ok {
			name += named.Obj().Name() + "."
		}
	}
	return name + obj.Name()
}

// isMap reports whether typ is a map, also when it is a type parameter that may be one.
func isMap(typ types.Type) bool {
	if iface, ok := typ.Underlying().(*types.Interface); ok {
		for i := range iface.NumEmbeddeds() {
			if union, ok := iface.EmbeddedType(i).(*types.Union); ok {
				for j := range union.Len() {
					if isMap(union.Term(j).Type()) {
						return true
					}
				}
			}
		}
		return false
	}
	_, ok := typ.Underlying().(*types.Map)
	return ok
}

// unmatched returns the patterns that name no file of t: a renamed file must not slip away.
func unmatched(t *Typed, patterns []string) []string {
	var none []string
	for _, p := range patterns {
		found := false
		for _, f := range t.Files {
			found = found || matchesAny([]string{p}, path.Base(f.Name))
		}
		if !found {
			none = append(none, p)
		}
	}
	return none
}
