// Package race tells tests whether the race detector is compiled in.
//
// The detector makes code about ten times slower and sync.Pool forgetful on purpose. So exhaustive loops visit a
// part of their cases under it, and allocation counts are asserted without it; `make check` runs the tests both ways.
package race
