package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"strings"
)

// CheckDocs wants one package comment per package, which opens "Package x" or "Command x", and a
// comment on everything exported. A comment on a group of constants or variables covers the group,
// and a comment at the end of a line covers that line. Fields and interface methods are left to
// judgement.
func CheckDocs(pkgs []*Package) []Problem {
	var ps []Problem
	for _, p := range pkgs {
		ps = append(ps, checkPackageComment(p)...)
		if p.Name == "main" {
			continue // a command exports nothing
		}
		for _, f := range p.Files {
			for _, decl := range f.Syntax.Decls {
				ps = append(ps, checkDeclDoc(f, decl)...)
			}
		}
	}
	return sortProblems(ps)
}

func checkPackageComment(p *Package) []Problem {
	want := "Package " + p.Name + " "
	if p.Name == "main" {
		want = "Command " + path.Base(p.Path) + " "
	}
	var ps []Problem
	var with []string
	for _, f := range p.Files {
		if f.Syntax.Doc == nil {
			continue
		}
		with = append(with, f.Name)
		if !strings.HasPrefix(f.Syntax.Doc.Text(), want) {
			ps = append(ps, Problem{f.Name, f.Line(f.Syntax.Doc), "package-doc",
				fmt.Sprintf("the package comment must open with %q", want)})
		}
	}
	switch {
	case len(with) == 0:
		ps = append(ps, Problem{p.Path, 0, "package-doc", "no package comment; write doc.go"})
	case len(with) > 1:
		ps = append(ps, Problem{p.Path, 0, "package-doc", "one package comment is enough; it is in " +
			strings.Join(with, ", ")})
	}
	return ps
}

func checkDeclDoc(f *File, decl ast.Decl) []Problem {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && receiverExported(d) {
			return []Problem{missingDoc(f, d, d.Name.Name)}
		}
	case *ast.GenDecl:
		return checkGroupDoc(f, d)
	}
	return nil
}

func checkGroupDoc(f *File, d *ast.GenDecl) []Problem {
	if d.Tok == token.IMPORT || d.Doc != nil {
		return nil
	}
	var ps []Problem
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil && s.Comment == nil {
				ps = append(ps, missingDoc(f, s, s.Name.Name))
			}
		case *ast.ValueSpec:
			for _, n := range s.Names {
				if n.IsExported() && s.Doc == nil && s.Comment == nil {
					ps = append(ps, missingDoc(f, n, n.Name))
				}
			}
		}
	}
	return ps
}

func missingDoc(f *File, n ast.Node, name string) Problem {
	return Problem{f.Name, f.Line(n), "doc", "exported " + name + " has no comment"}
}

// receiverExported reports whether d is a function, or a method of an exported type.
func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}
