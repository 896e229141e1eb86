package tidy

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Package is the non-test code of one directory, parsed but not type-checked, with the files of
// every platform.
type Package struct {
	Path  string // directory from the root of the repository, with slashes
	Name  string // the name in the package clauses
	Files []*File
}

// File is one parsed Go file.
type File struct {
	Name   string // path from the root of the repository, with slashes
	Syntax *ast.File
	fset   *token.FileSet
}

// Line returns the 1-based line on which n starts.
func (f *File) Line(n ast.Node) int { return f.fset.Position(n.Pos()).Line }

// Load parses the non-test Go files below root, in the order of their paths. Directories named
// testdata are left out, as the go command does; nested modules are not.
func Load(root string) ([]*Package, error) {
	byDir := map[string]*Package{}
	var order []string
	err := walk(root, func(name string, content []byte) error {
		if !isProductGo(name) {
			return nil
		}
		f, err := parse(name, content)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if byDir[dir] == nil {
			byDir[dir] = &Package{Path: dir, Name: f.Syntax.Name.Name}
			order = append(order, dir)
		}
		byDir[dir].Files = append(byDir[dir].Files, f)
		return nil
	})
	slices.Sort(order)
	pkgs := make([]*Package, 0, len(order))
	for _, dir := range order {
		pkgs = append(pkgs, byDir[dir])
	}
	return pkgs, err
}

func parse(name string, content []byte) (*File, error) {
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	return &File{name, syntax, fset}, nil
}

func isProductGo(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") &&
		!slices.Contains(strings.Split(name, "/"), "testdata")
}

// fileBytesMax keeps the walk away from large artefacts: nothing that a person edits is near it.
const fileBytesMax = 4 << 20

// skipDirs are directories whose content nobody writes by hand, or that git ignores.
var skipDirs = []string{".git", "node_modules", "dist", "bin", "bench/out", ".cache"}

// walk calls fn for every file below root that may be text, in lexical order, with its path from root.
func walk(root string, fn func(name string, content []byte) error) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if d.IsDir() {
			if slices.Contains(skipDirs, name) || slices.Contains(skipDirs, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if d.Name() == ".git" { // of a linked work tree: it says where git keeps the rest
			return nil
		}
		info, err := d.Info()
		if err != nil || !d.Type().IsRegular() || info.Size() > fileBytesMax {
			return err
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return fn(name, content)
	})
}

// isText reports whether content looks like text: no zero byte near its start (git's own rule).
func isText(content []byte) bool {
	return bytes.IndexByte(content[:min(len(content), 8000)], 0) < 0
}
