package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine is what a figure is worth nothing without.
type machine struct {
	CPU        string `json:"cpu"`
	Cores      int    `json:"cores"`
	Go         string `json:"go"`
	OS         string `json:"os"`
	Kernel     string `json:"kernel"`
	FileSystem string `json:"file_system"`
	// Busy is how many cores something else kept busy in the half second before the start, the host's other guests included.
	Busy float64 `json:"busy_cores"`
	Pace pace    `json:"pace"`
}

// String is what stands under the title of a table.
func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s %s, %s, %.1f cores busy before\n%s", m.CPU, m.Cores, m.Go, m.OS, m.Kernel,
		m.FileSystem, m.Busy, m.Pace)
}

// thisMachine describes the machine, and the file system that holds dir. What /proc does not tell
// is "unknown".
func thisMachine(dir string) machine {
	m := machine{CPU: "unknown", Cores: runtime.GOMAXPROCS(0), Go: runtime.Version(),
		OS: runtime.GOOS + "/" + runtime.GOARCH, Kernel: "unknown", FileSystem: fileSystem(dir)}
	if v, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = string(bytes.TrimSpace(v))
	}
	if v := procField("/proc/cpuinfo", "model name"); v != "" {
		m.CPU = v
	}
	m.Busy = busyCores(500 * time.Millisecond)
	m.Pace = thisPace()
	return m
}

// busyCores waits and tells how many cores did anything meanwhile; 0 when the system does not say.
func busyCores(wait time.Duration) float64 {
	before := busyTime()
	time.Sleep(wait)
	return float64(busyTime()-before) / wait.Seconds() / 100 // the kernel counts hundredths of seconds of a core
}

// busyTime sums what /proc/stat says of all cores but idle, iowait (4th and 5th) and the guests that user includes.
func busyTime() (sum int64) {
	for i, field := range strings.Fields(firstLine("/proc/stat")) {
		if n, err := strconv.ParseInt(field, 10, 64); err == nil && i != 4 && i != 5 && i <= 8 {
			sum += n
		}
	}
	return sum
}

func firstLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
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
