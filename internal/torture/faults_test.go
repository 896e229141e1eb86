//go:build linux

package torture

// What goes wrong.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/weirhq/weir/internal/weirtest"
)

const terminate = syscall.SIGTERM

type fault int

const (
	killed         fault = iota // kill -9
	killedStarting              // kill -9, and once more while it starts
	stopped                     // SIGTERM
	paused                      // SIGSTOP, SIGCONT
	powerCut                    // nothing that was not synced is there any more
	syncError                   // an fsync fails with EIO; then often the power is cut
	openError                   // a file cannot be opened, for EIO
	slowDisk                    // every fsync takes long
	diskFull                    // little room is left
	diskTaken                   // no room is left, at one stroke
	clockAhead                  // the wall clock is set forward for good
	clockBehind                 // the wall clock is set back for a while
	clockFar                    // the wall clock is 40 days ahead when the server starts
	faultsEnd
)

func (f fault) String() string {
	return [...]string{"kill -9", "kill -9 during start", "SIGTERM", "SIGSTOP", "power cut", "EIO of fsync", "EIO of open", "slow fsync",
		"disk full", "disk full at once", "clock ahead", "clock behind", "clock 40 days ahead at start"}[f]
}

// weight is how often a kind is drawn.
var weight = [faultsEnd]int{killed: 20, killedStarting: 8, stopped: 3, paused: 12, powerCut: 16, syncError: 10, openError: 5, slowDisk: 6,
	diskFull: 6, diskTaken: 5, clockAhead: 4, clockBehind: 4, clockFar: 2}

// faults draws and commits them.
type faults struct {
	*machine
	rng    *rand.Rand
	able   [faultsEnd]bool
	struck [faultsEnd]int
	missed [faultsEnd]int // planned, but the server did nothing for it to strike
	traces int
	dir    string // for the output of strace
}

// newFaults finds out what is possible here; why says what is not.
func newFaults(m *machine, rng *rand.Rand, dir string) (f *faults, why []string) {
	f = &faults{machine: m, rng: rng, dir: dir}
	for k := range faultsEnd {
		f.able[k] = regexp.MustCompile(*onlyFlag).MatchString(k.String())
	}
	if m.disk.device == "" {
		f.able[powerCut], f.able[diskFull], f.able[diskTaken] = false, false, false
	}
	if m.clock == nil {
		f.able[clockAhead], f.able[clockBehind], f.able[clockFar] = false, false, false
		why = append(why, "the clock is the machine's: no jumps")
	}
	if _, err := exec.LookPath("strace"); err != nil || os.Geteuid() != 0 {
		f.able[syncError], f.able[openError], f.able[slowDisk] = false, false, false
		why = append(why, "no strace, or not root: no I/O errors")
	}
	return f, why
}

func (f *faults) draw() fault {
	total := 0
	for k := range faultsEnd {
		if f.able[k] {
			total += weight[k]
		}
	}
	n := f.rng.IntN(total)
	for k := range faultsEnd {
		if !f.able[k] {
			continue
		}
		if n -= weight[k]; n < 0 {
			return k
		}
	}
	panic("BUG: the weights do not add up")
}

// moment draws a time up to a limit.
func (f *faults) moment(limit time.Duration) time.Duration {
	return time.Duration(f.rng.Int64N(int64(limit)))
}

// strike lets one fault happen and go by, and returns when the server is well again.
func (f *faults) strike(ctx context.Context, k fault) error {
	f.diskFails.Store(k == powerCut || k == syncError || k == openError || k == diskTaken)
	defer f.diskFails.Store(false)
	hit, err := true, error(nil)
	switch k {
	case killed:
		f.kill()
		err = f.revive(ctx)
	case killedStarting:
		err = f.killStarting(ctx)
	case stopped:
		if err = f.stop(); err == nil {
			err = f.revive(ctx)
		}
	case paused:
		err = f.pause(ctx)
	case powerCut:
		err = f.cutPower(ctx)
	case syncError:
		hit, err = f.trace(ctx, "fsync,fdatasync", fmt.Sprintf("error=EIO:when=%d", 1+f.rng.IntN(3)), 4*time.Second)
		if hit && err == nil && f.disk.device != "" && f.rng.IntN(2) == 0 { // as a kernel that gives up dirty pages
			err = f.cutPower(ctx)
		}
	case openError:
		backup, cancel := context.WithTimeout(ctx, 2*time.Second)
		go f.backUp(backup) // it opens files
		hit, err = f.trace(ctx, "openat", fmt.Sprintf("error=EIO:when=%d", 1+f.rng.IntN(3)), 2*time.Second)
		cancel()
	case slowDisk:
		hit, err = f.trace(ctx, "fsync,fdatasync", fmt.Sprintf("delay_enter=%d", 1000+f.rng.IntN(300_000)), 500*time.Millisecond+f.moment(3*time.Second))
	case diskFull, diskTaken:
		hit, err = f.fillDisk(ctx, k)
	case clockAhead:
		if f.ahead < 12*time.Hour { // holds of strict tenants last for a day
			f.ahead += time.Duration(1+f.rng.IntN(900)) * time.Second
		}
		err = f.clock.Set(f.ahead)
	case clockBehind:
		hit, err = f.setBack(ctx)
	case clockFar:
		hit, err = f.setFar(ctx)
	}
	if err == nil {
		err = f.operate(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", k, err)
	}
	if hit {
		f.struck[k]++
	} else {
		f.missed[k]++
	}
	return nil
}

// backUp asks for a backup and throws it away: it saves a checkpoint and reads the store.
func (f *faults) backUp(ctx context.Context) {
	time.Sleep(200 * time.Millisecond) // strace attaches meanwhile
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.server.Base+"/v1/backup", nil)
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+f.server.Key)
	if res, err := http.DefaultClient.Do(req); err == nil { // whatever becomes of it
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
}

func (f *faults) killStarting(ctx context.Context) error {
	f.kill()
	environ := []string(nil)
	if f.clock != nil {
		environ = f.clock.Environ()
	}
	p, err := weirtest.Start(ctx, environ, f.binary, "serve", "--data", f.data(), "--listen", "127.0.0.1:0")
	if err != nil {
		return err
	}
	time.Sleep(f.moment(max(f.longest, 20*time.Millisecond)))
	p.Kill()
	return f.revive(ctx)
}

func (f *faults) pause(ctx context.Context) error {
	f.server.Signal(syscall.SIGSTOP)
	limit := time.Second
	if f.rng.IntN(6) == 0 {
		limit = 2 * requestLimit // clients give up and send again
	}
	time.Sleep(f.moment(limit))
	if f.rng.IntN(6) == 0 {
		f.kill()
		return f.revive(ctx)
	}
	f.server.Signal(syscall.SIGCONT)
	return nil
}

// cutPower cuts the power while the server works. What it answers from then on would never have left the machine: clients do not believe
// it. They must not: in the moment of the shutdown ioctl itself ext4 may let an fsync return without an error whose data it drops.
func (f *faults) cutPower(ctx context.Context) error {
	f.ghost.Store(f.server)
	f.cutAt = time.Now()
	if err := f.disk.cut(); err != nil {
		return err
	}
	if f.rng.IntN(2) == 0 {
		time.Sleep(f.moment(100 * time.Millisecond)) // it may notice
	}
	return f.powerOn(ctx)
}

// powerOn ends the server of a machine without power, and starts it again on what is on the disk.
func (f *faults) powerOn(ctx context.Context) error {
	f.kill()
	if err := f.disk.power(); err != nil {
		return err
	}
	return f.revive(ctx)
}

// trace attaches strace to the server, so that it does something to these system calls until it has done so, or for so long.
func (f *faults) trace(ctx context.Context, calls, what string, span time.Duration) (hit bool, err error) {
	once := strings.Contains(what, "error=")
	f.mayEnd = f.mayEnd || once
	f.traces++
	out := filepath.Join(f.dir, fmt.Sprint("strace-", f.traces))
	defer os.Remove(out)
	p, err := weirtest.Start(ctx, nil, "strace", "-f", "-o", out, "-e", "trace="+calls, "-e", "inject="+calls+":"+what,
		"-p", fmt.Sprint(f.server.Cmd.Process.Pid))
	if err != nil {
		return false, err
	}
	for end := time.Now().Add(span); time.Now().Before(end) && !p.Ended() && (!once || !hit); {
		text, err := os.ReadFile(out)
		hit = err == nil && (strings.Contains(string(text), "INJECTED") || strings.Contains(string(text), "DELAYED"))
		time.Sleep(5 * time.Millisecond)
	}
	p.Interrupt(os.Interrupt) // it detaches; its exit code is that of the signal
	if text := p.Stderr.String(); !strings.Contains(text, "attached") && !f.server.Ended() {
		return hit, errors.New("strace: " + text)
	}
	return hit, nil
}

// refused waits until clients were refused for the reason.
func (f *faults) refused(reason int, before int64, limit time.Duration) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if f.unready[reason].Load() > before {
			return true
		}
	}
	return false
}

const (
	refusedClock = 0
	refusedFull  = 1
	// refuseLimit is how long it may take until writes are refused that must be. Many clients write all the time.
	refuseLimit = 20 * time.Second
)

func (f *faults) fillDisk(ctx context.Context, k fault) (hit bool, err error) {
	f.mayEnd = f.mayEnd || k == diskTaken
	before, leave := f.unready[refusedFull].Load(), int64(0)
	if k == diskFull {
		leave = int64(15+f.rng.IntN(30)) << 20
	}
	if err := f.disk.fill(leave); err != nil {
		return false, errors.Join(err, f.disk.empty())
	}
	if k == diskFull && !f.refused(refusedFull, before, refuseLimit) {
		return false, fmt.Errorf("%d MiB were left for %v, and nothing was refused", leave>>20, refuseLimit)
	}
	time.Sleep(f.moment(2 * time.Second))
	if f.rng.IntN(3) == 0 { // killed on a full disk, and power comes back with it still full
		f.kill()
		limit := recoverLimit
		if k == diskTaken { // without room it may wait for some, and not listen before
			limit = 5 * time.Second
		}
		if err := f.startWithin(ctx, true, limit); err == nil {
			f.mayEnd = k == diskTaken
			f.target.Store(f.server)
			time.Sleep(f.moment(time.Second))
		} else if k == diskFull {
			return false, errors.Join(fmt.Errorf("start on a full disk: %w", err), f.disk.empty())
		}
	}
	return true, f.disk.empty()
}

// setBack lets the wall clock be behind for a while, mostly by more than is accepted.
func (f *faults) setBack(ctx context.Context) (hit bool, err error) {
	before := f.unready[refusedClock].Load()
	back := f.ahead - f.aheadAtStart + 6*time.Minute + f.moment(time.Hour)
	small := f.rng.IntN(4) == 0
	if small {
		back = f.moment(2 * time.Minute)
	}
	if err := f.clock.Set(f.ahead - back); err != nil {
		return false, err
	}
	if !small && !f.refused(refusedClock, before, refuseLimit) {
		return false, fmt.Errorf("the clock was set back by %v, and writes were taken", back)
	}
	if f.rng.IntN(3) == 0 {
		f.kill()
		if err := f.start(ctx, true); err != nil {
			return false, err
		}
		f.target.Store(f.server)
	}
	time.Sleep(f.moment(time.Second))
	return true, f.clock.Set(f.ahead)
}

// setFar starts the server under a clock that must be wrong.
func (f *faults) setFar(ctx context.Context) (hit bool, err error) {
	before := f.unready[refusedClock].Load()
	f.kill()
	if err := f.clock.Set(f.ahead + 40*24*time.Hour); err != nil {
		return false, err
	}
	if err := f.start(ctx, true); err != nil {
		return false, err
	}
	f.target.Store(f.server)
	if !f.refused(refusedClock, before, refuseLimit) {
		return false, errors.New("the clock was 40 days ahead, and writes were taken")
	}
	return true, f.clock.Set(f.ahead)
}

// String is the summary: each kind with its count.
func (f *faults) String() string {
	total := 0
	var parts []string
	for k := range faultsEnd {
		total += f.struck[k]
		switch {
		case !f.able[k]:
			parts = append(parts, fmt.Sprintf("%s not possible here", k))
		case f.missed[k] > 0:
			parts = append(parts, fmt.Sprintf("%s %d (%d more met nothing)", k, f.struck[k], f.missed[k]))
		default:
			parts = append(parts, fmt.Sprintf("%s %d", k, f.struck[k]))
		}
	}
	return fmt.Sprintf("faults=%d: %s", total, strings.Join(parts, ", "))
}
