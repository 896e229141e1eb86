//go:build unix

package main

import "syscall"

// checkLimits looks at the limits of this process, which a server started from the same shell would have.
func checkLimits(d *diagnosis) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		d.add("open files", "warn", "%v", err)
		return
	}
	if l.Max < openFilesMin { // the Go runtime raises the soft limit to the hard one
		d.add("open files", "warn", "at most %d; allow %d or more (ulimit -n, LimitNOFILE)", l.Max, openFilesMin)
		return
	}
	d.add("open files", "ok", "at most %d", l.Max)
}
