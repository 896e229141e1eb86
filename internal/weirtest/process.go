package weirtest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"sync"
	"time"
)

// outputBytesMax bounds what is kept of a process's output: enough for every line that matters.
const outputBytesMax = 1 << 20

// Output keeps the head of what a process prints.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if room := outputBytesMax - o.buf.Len(); room > 0 {
		o.buf.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

// String is what was printed so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Process is a running program. Whoever starts one ends it: with Kill or Interrupt, or by the end of the context.
type Process struct {
	Cmd            *exec.Cmd
	Stdout, Stderr Output
	Done           chan struct{} // closed when it has ended and was reaped
}

// Start runs a program until it ends or ctx does; then it is killed.
func Start(ctx context.Context, environ []string, name string, args ...string) (*Process, error) {
	p := &Process{Cmd: exec.CommandContext(ctx, name, args...), Done: make(chan struct{})}
	p.Cmd.Env = append(os.Environ(), environ...)
	p.Cmd.Stdout, p.Cmd.Stderr = &p.Stdout, &p.Stderr
	p.Cmd.WaitDelay = 5 * time.Second
	if err := p.Cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.Done)
		_ = p.Cmd.Wait() // the exit code says all
	}()
	return p, nil
}

// Ended reports whether the process is gone.
func (p *Process) Ended() bool {
	select {
	case <-p.Done:
		return true
	default:
		return false
	}
}

// Kill ends the process as kill -9 does, and waits until it is gone.
func (p *Process) Kill() {
	_ = p.Cmd.Process.Kill() // an error means that it has ended already
	<-p.Done
}

// Signal sends a signal to a process that may be gone by now.
func (p *Process) Signal(sig os.Signal) { _ = p.Cmd.Process.Signal(sig) }

// interruptLimit is how long a process may take to end in order.
const interruptLimit = 30 * time.Second

// Interrupt sends a signal and answers the exit code. A process that is still there after interruptLimit
// is killed, which makes the code -1.
func (p *Process) Interrupt(sig os.Signal) int {
	p.Signal(sig)
	select {
	case <-p.Done:
	case <-time.After(interruptLimit):
		p.Kill()
	}
	return p.Cmd.ProcessState.ExitCode()
}
