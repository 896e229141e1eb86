package middleware

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// slowGranter grants leases when it is told to, and remembers which of them were settled.
type slowGranter struct {
	mu      sync.Mutex
	granted []string
	settled map[string]string
	asked   chan struct{} // a token for every lease that is asked for
	grant   chan struct{} // closed: they are granted

	ends            time.Duration // from now on; default a minute
	unknown, silent int           // grants and settlements that get no answer
}

func (g *slowGranter) GrantLease(_ context.Context, r usage.LeaseRequest) (usage.Answer, error) {
	g.asked <- struct{}{}
	<-g.grant
	g.mu.Lock()
	defer g.mu.Unlock()
	g.granted = append(g.granted, r.ID)
	if g.unknown > 0 {
		g.unknown--
		return usage.Answer{}, usage.ErrUnknownOutcome
	}
	return usage.Answer{Allowed: true, ExpiresAt: time.Now().Add(g.ends)}, nil
}

func (g *slowGranter) SettleLease(_ context.Context, _, id string, used usage.Decimal, _ bool) (usage.ReservationState, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.silent > 0 {
		g.silent--
		return usage.ReservationState{}, usage.ErrUnknownOutcome
	}
	g.settled[id] = used.String()
	return usage.ReservationState{}, nil
}

func newSlowGranter() *slowGranter {
	return &slowGranter{settled: map[string]string{}, asked: make(chan struct{}, 100), grant: make(chan struct{}), ends: time.Minute}
}

// TestCloseWhileLeasing: a lease that is granted after Close has looked is given back as well, whoever fetched it.
func TestCloseWhileLeasing(t *testing.T) {
	g := newSlowGranter()
	l := newLeases(g, &Options{})
	taken := make(chan bool)
	go func() { taken <- l.take(context.Background(), "acme", "api_calls", usage.Int(1)) }()
	<-g.asked
	require.NoError(t, l.close(context.Background()))
	close(g.grant)
	spent := "0"
	if <-taken {
		spent = "1"
	}
	require.Equal(t, map[string]string{g.granted[0]: spent}, g.settled)
	require.False(t, l.take(context.Background(), "acme", "api_calls", usage.Int(1)))
}

// TestFirstLeaseOnce: of many first requests one fetches a lease, and the others are consumed meanwhile.
func TestFirstLeaseOnce(t *testing.T) {
	g := newSlowGranter()
	l := newLeases(g, &Options{})
	var first, others sync.WaitGroup
	first.Go(func() { l.take(context.Background(), "acme", "api_calls", usage.Int(1)) })
	<-g.asked
	for range 20 {
		others.Go(func() { l.take(context.Background(), "acme", "api_calls", usage.Int(1)) })
	}
	done := make(chan struct{})
	go func() { others.Wait(); close(done) }()
	select {
	case <-done:
	case <-g.asked:
		t.Error("a second lease was asked for")
	}
	close(g.grant)
	first.Wait()
	others.Wait()
	require.Len(t, g.granted, 1)
	require.NoError(t, l.close(context.Background()))
	require.Equal(t, map[string]string{g.granted[0]: "1"}, g.settled)
}

// TestIdleLease: a lease is settled before it ends, also when no request comes any more, when the clock of weir is far ahead, and when the
// period of a quota is about to end: at its end weir would count all of it.
func TestIdleLease(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"same clock": 2 * time.Second, "ahead": time.Hour, "period ends": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newSlowGranter()
				g.ends = ahead
				close(g.grant)
				l := newLeases(g, &Options{LeaseTTLSeconds: 2})
				spent := "0"
				if l.take(context.Background(), "acme", "api_calls", usage.Int(1)) {
					spent = "1"
				}
				require.Equal(t, ahead != 0, spent == "1")
				time.Sleep(1900 * time.Millisecond)
				synctest.Wait()
				g.mu.Lock()
				require.Equal(t, map[string]string{g.granted[0]: spent}, g.settled)
				g.mu.Unlock()
				require.NoError(t, l.close(context.Background()))
			})
		})
	}
}

// TestLeaseOfUnknownFate: a lease whose grant was not heard of is given back, and a settlement that gets no answer is tried again.
func TestLeaseOfUnknownFate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSlowGranter()
		g.unknown, g.silent = 1, 2
		close(g.grant)
		l := newLeases(g, &Options{})
		require.False(t, l.take(context.Background(), "acme", "api_calls", usage.Int(1)))
		require.Equal(t, map[string]string{g.granted[0]: "0"}, g.settled)
	})
}
