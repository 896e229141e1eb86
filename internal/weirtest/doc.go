// Package weirtest runs the real binary for tests: it builds it, starts `weir serve` as a process of its own on a directory,
// asks it over a socket, and ends it, by its process id, in every way in which a process may end.
//
// # Usage
//
//	binary, err := weirtest.Build(ctx, dir)
//	s, err := weirtest.Serve(ctx, binary, filepath.Join(dir, "data"))
//	answer, err := s.Ask(ctx, "POST", "/v1/events", body)
//	s.Kill() // as kill -9 does
//
// # The clock
//
// [BuildWithClock] builds the same program with another time.Now: the wall clock is off by what a file says, and may jump while
// the program runs, as it does when somebody sets the clock of a machine. Elapsed time is not touched.
package weirtest
