package tidy

import (
	"bytes"
	"fmt"
	"go/format"
	"regexp"
	"strings"
)

// linesMax is where a Go file has a second idea in it.
const linesMax = 500

// The patterns are written so that they do not match their own source.
var (
	promise   = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)
	localPath = regexp.MustCompile(`(^|[^\w.>})\]-])/(wo` + `rk|ro` + `ot)/`)
	generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
)

// CheckText holds every text file below root to the rules of CheckFile.
func CheckText(root string) ([]Problem, error) {
	var ps []Problem
	err := walk(root, func(name string, content []byte) error {
		if isText(content) && !machineMade(name) {
			ps = append(ps, CheckFile(name, content)...)
		}
		return nil
	})
	return sortProblems(ps), err
}

// machineMade reports whether name is an input that a fuzzer found, a checksum list, or a bad
// example on which this package tests itself.
func machineMade(name string) bool {
	return strings.Contains(name, "testdata/fuzz/") || strings.HasSuffix(name, "go.sum") ||
		strings.HasPrefix(name, "internal/tidy/testdata/")
}

// CheckFile reports what is wrong with the text of one file: work that was put off, paths of one
// person's machine, and for Go files their length and format.
func CheckFile(name string, content []byte) []Problem {
	var ps []Problem
	lines := 0
	for line := range bytes.Lines(content) {
		lines++
		if m := promise.Find(line); m != nil {
			ps = append(ps, Problem{name, lines, "put-off", string(m) + ": do it now, or file an issue"})
		}
		if m := localPath.FindSubmatch(line); m != nil {
			ps = append(ps, Problem{name, lines, "local-path", "a path of one machine does not belong here"})
		}
	}
	if !strings.HasSuffix(name, ".go") || generated.Match(content) {
		return ps
	}
	if lines > linesMax {
		ps = append(ps, Problem{name, 0, "length",
			fmt.Sprintf("%d lines; past %d, split at the second idea", lines, linesMax)})
	}
	formatted, err := format.Source(content)
	if err != nil {
		ps = append(ps, Problem{name, 0, "gofmt", err.Error()})
	} else if !bytes.Equal(formatted, content) {
		ps = append(ps, Problem{name, 0, "gofmt", "run gofmt -w"})
	}
	return ps
}
