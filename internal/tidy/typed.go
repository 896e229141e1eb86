package tidy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// Typed is the non-test code of one package for this platform, type-checked.
type Typed struct {
	Files []*File
	Info  *types.Info
	Deps  []string // import paths of everything it links, itself included
}

// listed is the part of `go list -json` that is read here.
type listed struct {
	ImportPath string
	Dir        string
	Export     string
	DepOnly    bool
	GoFiles    []string
}

// LoadTyped type-checks the package in dir (a path from root, with slashes). It asks the go
// command for the export data of the imports, so it costs a build of them when the cache is cold.
func LoadTyped(root, dir string) (*Typed, error) {
	cmd := exec.Command("go", "list", "-export", "-deps",
		"-json=ImportPath,Dir,Export,DepOnly,GoFiles", "./"+dir)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // what an embedder gets by default elsewhere
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list ./%s: %w\n%s", dir, err, stderr.Bytes())
	}
	t := &Typed{Info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{},
		Uses:  map[*ast.Ident]types.Object{},
	}}
	export := map[string]string{}
	var target listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list ./%s: %w", dir, err)
		}
		export[l.ImportPath] = l.Export
		t.Deps = append(t.Deps, l.ImportPath)
		if !l.DepOnly {
			target = l
		}
	}
	return t, t.check(target, dir, export)
}

// check parses and type-checks the files of target into t.
func (t *Typed) check(target listed, dir string, export map[string]string) error {
	fset := token.NewFileSet()
	var syntax []*ast.File
	for _, name := range target.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(target.Dir, name), nil,
			parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		syntax = append(syntax, f)
		t.Files = append(t.Files, &File{path.Join(dir, name), f, fset})
	}
	lookup := func(importPath string) (io.ReadCloser, error) {
		if export[importPath] == "" {
			return nil, fmt.Errorf("no export data for %s", importPath)
		}
		return os.Open(export[importPath])
	}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", lookup)}
	if _, err := conf.Check(target.ImportPath, fset, syntax, t.Info); err != nil {
		return fmt.Errorf("type-check %s: %w", dir, err)
	}
	return nil
}

// hasGo reports whether the directory holds non-test Go code.
func hasGo(root, dir string) bool {
	entries, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(dir)))
	if err != nil {
		return false
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
			return true
		}
	}
	return false
}
