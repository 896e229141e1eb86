//go:build !linux

package main

import "time"

// alarm calls f on time, or as near to it as the runtime's timers come.
func alarm(n int, due func(i int) time.Time, f func(i int) bool) {
	for i := range n {
		time.Sleep(time.Until(due(i)))
		if !f(i) {
			return
		}
	}
}
