package main

import (
	"runtime"
	"syscall"
	"time"
)

// alarm calls f on time: a goroutine's own timers are as exact as epoll, which counts whole milliseconds. It keeps a thread.
func alarm(n int, due func(i int) time.Time, f func(i int) bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const prSetTimerSlack = 29
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetTimerSlack, 1, 0) // or the kernel adds up to 50 us to each sleep
	for i := range n {
		for wait := time.Until(due(i)); wait > 0; wait = time.Until(due(i)) {
			ts := syscall.NsecToTimespec(wait.Nanoseconds())
			_ = syscall.Nanosleep(&ts, nil) // a signal ends it early: the loop looks at the clock again
		}
		if !f(i) {
			return
		}
	}
}
