package tidy

import (
	"cmp"
	"fmt"
	"slices"
)

// Problem is one violation of a rule, at a place a person can open.
type Problem struct {
	File    string // path from the root of the repository, with slashes
	Line    int    // 1-based; 0 when the whole file or package is meant
	Rule    string // short name of the rule, such as "import" or "map-order"
	Message string // what is wrong and how to set it right
}

// String formats p as file:line: rule: message, which editors and terminals can follow.
func (p Problem) String() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s: %s", p.File, p.Rule, p.Message)
	}
	return fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, p.Rule, p.Message)
}

// sortProblems orders by place, so that the same tree always gives the same report, and drops
// what is said twice about one line.
func sortProblems(ps []Problem) []Problem {
	slices.SortFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(ps)
}
