//go:build linux

package torture

// The machine: the server on its disk under its clock, and the operator who starts it again.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/weirtest"
)

// machine runs one server after another.
type machine struct {
	*book
	binary string
	disk   *disk
	clock  *weirtest.Clock // nil: the clock cannot be moved
	target *target
	server *weirtest.Server
	judge  *client // sends what was acknowledged once more

	ahead, aheadAtStart time.Duration // of the wall clock; now, and when the server was started
	mayEnd              bool          // a fault since its start may end the server, or let it fail
	cutAt               time.Time     // of the last power cut
	restarts            int
	longest             time.Duration // from a start to readiness
	waited              string        // for what, when operate was over
	panics              int
}

func (m *machine) data() string { return filepath.Join(m.disk.dir, "data") }

// start starts a server, and does not let the clients at it.
func (m *machine) start(ctx context.Context, notReady bool) error {
	return m.startWithin(ctx, notReady, recoverLimit)
}

func (m *machine) startWithin(ctx context.Context, notReady bool, limit time.Duration) error {
	o := &weirtest.Options{NotReady: notReady, Limit: limit}
	if m.clock != nil {
		o.Environ = m.clock.Environ()
	}
	s, err := weirtest.Serve(ctx, m.binary, m.data(), o)
	if err != nil {
		return err
	}
	m.server, m.aheadAtStart, m.mayEnd = s, m.ahead, false
	if !notReady {
		m.longest = max(m.longest, s.Ready)
	}
	return nil
}

// kill ends the server; the clients notice.
func (m *machine) kill() {
	m.target.Store(nil)
	m.server.Kill()
	m.inspect()
}

// inspect looks at what an ended server has printed.
func (m *machine) inspect() {
	text := m.server.Stderr.String()
	for _, word := range []string{"panic:", "fatal error:"} {
		if _, after, found := strings.Cut(text, word); found {
			m.panics++
			m.violation("the server: %s%.2000s", word, after)
		}
	}
}

// revive starts the server again, asks for what was acknowledged last, and lets the clients at it.
func (m *machine) revive(ctx context.Context) error {
	if err := m.start(ctx, false); err != nil {
		return err
	}
	return m.publish(ctx)
}

func (m *machine) publish(ctx context.Context) error {
	m.restarts++
	if err := m.confirm(ctx); err != nil {
		return err
	}
	m.target.Store(m.server)
	return nil
}

// confirm asks a server that nobody else asks for what was acknowledged last.
func (m *machine) confirm(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, recoverLimit)
	defer cancel()
	m.judge.target.Store(m.server)
	for _, a := range m.recent.all() {
		if _, err := m.judge.repeat(limit, a); err != nil {
			return fmt.Errorf("after restart %d, answered %v before the last power cut: %w", m.restarts, m.cutAt.Sub(a.at), err)
		}
	}
	return limit.Err()
}

// health is the status of a page of health; 0 when there is no answer.
func (m *machine) health(ctx context.Context, path string) int {
	limit, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	a, err := m.server.Ask(limit, http.MethodGet, path, nil)
	if err != nil {
		return 0
	}
	return a.Status
}

// recoverLimit is how long a server may take to be ready again once nothing is wrong any more, on a machine that has other things to do.
const recoverLimit = 4 * time.Minute

// operate does what an operator does after a fault is over: a server that ended, or says that a restart helps, is started again; any other must
// become ready by itself.
func (m *machine) operate(ctx context.Context) error {
	began := time.Now()
	m.waited = "for nothing"
	for end := began.Add(recoverLimit); ; {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case m.server.Ended():
			m.target.Store(nil)
			m.inspect()
			if !m.mayEnd {
				return fmt.Errorf("the server ended by itself: %s\n%s", m.server.Cmd.ProcessState, &m.server.Stderr)
			}
			return m.revive(ctx)
		case m.health(ctx, "/healthz") == http.StatusServiceUnavailable:
			if !m.mayEnd {
				return fmt.Errorf("the server failed by itself\n%s", &m.server.Stderr)
			}
			m.kill()
			return m.revive(ctx)
		case m.health(ctx, "/readyz") == http.StatusOK:
			if m.target.Load() == nil {
				return m.publish(ctx)
			}
			return nil
		case time.Now().After(end):
			a, err := m.server.Ask(ctx, http.MethodGet, "/readyz", nil)
			return fmt.Errorf("not ready after %v without a fault: %v %s", recoverLimit, err, a.Body)
		}
		time.Sleep(10 * time.Millisecond)
		if a, err := m.server.Ask(ctx, http.MethodGet, "/readyz", nil); err == nil {
			m.waited = fmt.Sprintf("%v for %s", time.Since(began).Round(time.Millisecond), a.Body)
		}
	}
}

// stop ends the server in order.
func (m *machine) stop() error {
	m.target.Store(nil)
	code := m.server.Interrupt(terminate)
	m.inspect()
	if code != 0 {
		return fmt.Errorf("exit code %d after SIGTERM\n%s", code, &m.server.Stderr)
	}
	return nil
}

// verify folds the whole log of a stopped server again.
func (m *machine) verify(ctx context.Context) (string, error) {
	environ := []string(nil)
	if m.clock != nil {
		environ = m.clock.Environ()
	}
	p, err := weirtest.Start(ctx, environ, m.binary, "verify", "--data", m.data())
	if err != nil {
		return "", err
	}
	<-p.Done
	if code := p.Cmd.ProcessState.ExitCode(); code != 0 {
		return "", errors.New(fmt.Sprint("weir verify: ", &p.Stderr))
	}
	return strings.TrimSpace(p.Stdout.String()), nil
}
