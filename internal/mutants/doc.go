// Package mutants plants bugs in weir, one at a time, and sees that a test finds each of them. A checker that never failed proves
// nothing.
//
// A bug is a replacement of a few lines of product code, compiled in through `go build -overlay`: the product itself has no hooks, no
// build tag and no dead branches for it. A bug whose lines are no longer there fails the test, so that the list stays true.
//
//	go test ./internal/mutants            a few of them
//	make mutants                          all, with what found each
package mutants
