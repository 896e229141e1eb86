// Package torture lets the real binary work on a real disk while everything goes wrong, and keeps books outside of it. It holds tests only.
//
// Clients record batches of events (late ones and duplicates among them), consume, reserve, commit, release, lease, settle, void and adjust, change limits and ask, over
// HTTP. Each writes down what was acknowledged. Meanwhile the server is killed (-9), also while it starts, paused (SIGSTOP), stopped in order; the
// power is cut; fsyncs fail or take long, files cannot be opened; the disk fills, slowly or at one stroke; the wall clock jumps. After every restart, before the
// clients go on, the newest of what was acknowledged is sent again. In the end:
//
//	lost_acked        acknowledged, and not there: a repetition that was not a duplicate, a sum that is too small
//	double_counted    a sum that is too great
//	over_limit_units  units beyond the highest limit that was ever in force, in any answer
//	sums              every total, day, group, unique count and level of every tenant equals the books
//	verify            `weir verify` folds the log again: equal
//	replay            every acknowledged request is sent once more: all are duplicates, and no number has changed
//
// # How it is done
//
// The disk is ext4 in a file behind a loop device, so that it may be small and lose power: the shutdown ioctl of ext4 drops everything that was not synced, in the middle of whatever the server
// does, and mounting replays the journal. I/O errors and delays come from strace, which is attached for a moment. The wall clock is that of package weirtest.
// All of that needs root; without it, or without strace, these kinds are left out, and the summary says so.
//
//	make torture MINUTES=60
//	go test ./internal/torture -run Torture -v -torture.for=60m -torture.seed=42
package torture
