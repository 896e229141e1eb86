// Command bench measures weir and its rivals on this machine, and prints what it measured.
//
// # Usage
//
//	go run . [flags] name...
//	go run . ingest               the headline rows of embedded ingest
//	go run . -full ingest         the whole matrix of batch, callers, tenants and duplicates
//	go run . -runs 1 redis        the rival, once
//	go run . list                 the names
//	go run . page                 docs/BENCHMARKS.md from the reports
//
// Every row is the median of -runs runs, each on a fresh store. A table goes to standard output,
// the same figures with the commit and the machine go to out/NAME-TIME.json.
//
// # What is measured
//
// Writes are timed until they are acknowledged, which for weir means fsynced. The events of a run
// are made while it is measured, by the same goroutines that record them, because 10 million ready
// events would measure the memory instead; what making them costs is a row of its own. After each
// run the counts are compared with what was sent: a fast wrong answer is an error, not a figure.
//
// # What it refuses to do
//
// It is not a test: no figure makes it fail. It says when the directory is in memory (-dir), as
// an fsync costs nothing there.
package main
