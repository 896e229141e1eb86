// Package e2e tests the program as a user meets it: the real binary as a process of its own, on a
// real disk, asked over a real socket, beside a real nginx. It holds tests only.
//
// What in-process tests cannot show is tested here: that an acknowledged event survives kill -9,
// that a full disk refuses instead of blocking, that an access log of nginx becomes the numbers
// that awk counts in it, and that the lines which `weir dev` prints work when they are pasted.
//
// # Usage
//
// The tests are short by default. The full exactly-once run:
//
//	go test ./internal/e2e -run ExactlyOnce -v -timeout 20m -e2e.events=1000000 -e2e.kills=20
//
// A test that needs what the machine lacks (root for a mount, nginx, curl) is skipped with the
// reason. Random tests print their seed; -e2e.seed repeats one.
//
// # Limits
//
// kill -9 loses what is in the process, not what is in the kernel: power cuts are simulated in
// packages wal and engine.
package e2e
