package weirtest

// A wall clock that jumps. Nobody may set the clock of the machine that tests run on, a time namespace does not move
// the wall clock, and a static Go program asks the vDSO, which nothing intercepts. So the program is compiled with another
// time.Now, which adds what a shared page of memory says.

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// clockVariable names the file of the offset to the program.
const clockVariable = "TEST_CLOCK_FILE"

// clockSource is the file that package time gets in addition. Times below the page's granularity are not needed: seconds do.
const clockSource = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// wallOffset is how many seconds the wall clock is ahead; another process writes it.
var wallOffset = new(int64)

func init() {
	name, ok := syscall.Getenv("` + clockVariable + `")
	if !ok {
		return
	}
	fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		panic("clock file: " + err.Error())
	}
	page, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("clock file: " + err.Error())
	}
	wallOffset = (*int64)(unsafe.Pointer(&page[0]))
}

func wallSeconds() int64 { return atomic.LoadInt64(wallOffset) }
`

// nowLine is the line of time.Now behind which the offset is added.
const nowLine = "	sec, nsec, mono := runtimeNow()\n"

// BuildWithClock builds the binary into dir with a wall clock that a [Clock] moves.
func BuildWithClock(ctx context.Context, dir string) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return "", err
	}
	head, tail, ok := bytes.Cut(text, []byte("func Now() Time {\n"+nowLine))
	if !ok {
		return "", errors.New("time.Now of this Go is written in another way")
	}
	now, extra, overlay := filepath.Join(dir, "time.go"), filepath.Join(dir, "wall.go"), filepath.Join(dir, "overlay.json")
	moved := bytes.Join([][]byte{head, tail}, []byte("func Now() Time {\n"+nowLine+"	sec += wallSeconds()\n"))
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(source, "time.go"): now, filepath.Join(source, "wall.go"): extra}})
	if err := errors.Join(err, os.WriteFile(now, moved, 0o600), os.WriteFile(extra, []byte(clockSource), 0o600),
		os.WriteFile(overlay, replace, 0o600)); err != nil {
		return "", err
	}
	return build(ctx, filepath.Join(dir, "weir-clock"), "-trimpath", "-overlay", overlay)
}

// Clock moves the wall clock of programs made by [BuildWithClock].
type Clock struct{ file *os.File }

// NewClock makes the file of a clock that is right.
func NewClock(name string) (*Clock, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	c := &Clock{f}
	return c, c.Set(0)
}

// Environ is what a program must find in its environment to follow the clock.
func (c *Clock) Environ() []string { return []string{clockVariable + "=" + c.file.Name()} }

// Set makes the wall clock run ahead by so many whole seconds, at once, in every program that follows it.
func (c *Clock) Set(ahead time.Duration) error {
	_, err := c.file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(int64(ahead/time.Second))), 0)
	return err
}

// Close gives the file back; programs that follow it keep what it said last.
func (c *Clock) Close() error { return c.file.Close() }
