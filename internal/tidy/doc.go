// Package tidy checks what the compiler does not: the direction of imports, the documentation of
// what is exported, the purity of apply code, and the shape of files.
//
// The checks are ordinary functions that return problems; the tests of this package run them on
// the repository, and on small bad examples in testdata to prove that each check can fail. Nothing
// imports this package.
//
// # How to change a rule
//
// The tables are in table.go, one reason beside each row. A new import edge, a new third-party
// module or a new file of apply code changes its row in the same commit.
//
// # What it refuses to do
//
// It judges no style that gofmt, go vet or staticcheck already judge, and it has no list of
// exceptions by file name: a rule that needs one is the wrong rule.
package tidy
