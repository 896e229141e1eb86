package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// machine is what a figure is worth nothing without.
type machine struct {
	CPU        string `json:"cpu"`
	Cores      int    `json:"cores"`
	Go         string `json:"go"`
	OS         string `json:"os"`
	Kernel     string `json:"kernel"`
	FileSystem string `json:"file_system"`
	// Load is the load average of the last minute before the start: what else was running.
	Load float64 `json:"load"`
}

// String is the line under the title of a table.
func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s %s, %s, load %.2f", m.CPU, m.Cores, m.Go, m.OS, m.Kernel,
		m.FileSystem, m.Load)
}

// thisMachine describes the machine, and the file system that holds dir. What /proc does not tell
// is "unknown".
func thisMachine(dir string) machine {
	m := machine{CPU: "unknown", Cores: runtime.GOMAXPROCS(0), Go: runtime.Version(),
		OS: runtime.GOOS + "/" + runtime.GOARCH, Kernel: "unknown", FileSystem: fileSystem(dir)}
	if v, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = string(bytes.TrimSpace(v))
	}
	if v, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscanf(string(v), "%f", &m.Load) // 0 when it is written another way
	}
	if v := procField("/proc/cpuinfo", "model name"); v != "" {
		m.CPU = v
	}
	return m
}

// fileSystem returns the type of the file system that holds dir: that of the longest mount point
// that is a prefix of it.
func fileSystem(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "unknown"
	}
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return "unknown"
	}
	longest, kind := "", "unknown"
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		below := abs == f[1] || strings.HasPrefix(abs, strings.TrimSuffix(f[1], "/")+"/")
		if below && len(f[1]) >= len(longest) {
			longest, kind = f[1], f[2]
		}
	}
	return kind
}

// procField returns the value of the first "name: value" line of a file under /proc, or "".
func procField(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// residentBytes returns the resident set of a process now and at its highest, or zeros.
func residentBytes(pid int) (now, highest int64) {
	status := fmt.Sprintf("/proc/%d/status", pid)
	return kibibytes(procField(status, "VmRSS")), kibibytes(procField(status, "VmHWM"))
}

func kibibytes(field string) int64 {
	var kib int64
	if _, err := fmt.Sscanf(field, "%d kB", &kib); err != nil {
		return 0
	}
	return kib << 10
}
