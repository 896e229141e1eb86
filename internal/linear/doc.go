// Package linear asks whether decisions are linearizable: whether there is one order of all calls, in which each has its place between
// its start and its answer, that explains every answer, through kill -9 and restarts. It holds tests only.
//
// Clients consume, reserve, commit, release, void, check, read quotas and change limits at the real binary, which is killed and started
// again. Every attempt is an operation of a history: a call that was answered must have had its effect in between; one that was not
// may have had it or not, at any time until the server was dead. It is sent again under the same id, and what the second answer says is in the history like all others.
// A history is one tenant, or one tenant and period; porcupine decides over it with the model in model_test.go.
//
// # What is not judged
//
// A check and a read of quotas answer from memory, which may be ahead of the disk by one fsync. What such a read has seen of calls that the server took along into its
// grave may never have been. These reads are left out, and counted: those for which, when they were answered, a call without a later answer
// was on its way for the same tenant.
//
//	go test ./internal/linear -run Linearizable -v -linear.for 10m
package linear
