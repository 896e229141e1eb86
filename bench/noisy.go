package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// The neighbours: how many consumes a second the quiet one sends, and the noisy one when it behaves and when it does not.
const (
	quietPerSecond = 300
	noisyFactor    = 10
	noisyWarmUp    = 2 * time.Second // connections are made
	noisySpan      = 20 * time.Second
)

// runNoisy measures what one tenant notices of another that sends ten times what it should: the p99 of its consumes, in an open loop
// (the time runs from when a call was due, so that a server that falls behind cannot hide it), beside a neighbour at one and at
// ten times its rate. The goal is that the second is at most twice the first.
func runNoisy(ctx context.Context, o *options, r *report) error {
	return inStore(o, func(tools string) error {
		binary, err := buildWeir(ctx, tools)
		if err != nil {
			return err
		}
		var p99 [2]float64
		for i, factor := range []int{1, noisyFactor} {
			figures, err := medians(o.runs, func(int) (figures []figure, err error) {
				err = withQuotas(ctx, o, binary, func(s *server) error {
					figures, err = neighbours(ctx, s, factor)
					return err
				})
				return figures, err
			})
			if err != nil {
				return err
			}
			for _, f := range figures {
				if f.Name == "request p99" {
					p99[i] = f.Value
				}
			}
			r.add(fmt.Sprintf("consumes of a tenant at %d/s, beside one at %d/s", quietPerSecond, factor*quietPerSecond), figures...)
		}
		if p99[0] > 0 {
			r.note("p99 beside the noisy neighbour is %.1f times that beside the quiet one; the goal is at most 2", p99[1]/p99[0])
		}
		return nil
	})
}

// neighbours runs both tenants for a while, each with connections of its own, and answers the quiet one's latencies.
func neighbours(ctx context.Context, s *server, factor int) ([]figure, error) {
	both := func(span time.Duration) (waits []time.Duration, err error) {
		var wg sync.WaitGroup
		errs := make([]error, 2)
		wg.Go(func() { waits, errs[0] = s.consumeAt(ctx, "quiet", quietPerSecond, span) })
		wg.Go(func() { _, errs[1] = s.consumeAt(ctx, "noisy", factor*quietPerSecond, span) })
		wg.Wait()
		return waits, errors.Join(errs...)
	}
	if _, err := both(noisyWarmUp); err != nil {
		return nil, err
	}
	waits, err := both(noisySpan)
	if err != nil {
		return nil, err
	}
	return latencies("request", [][]time.Duration{waits}), nil
}

// consumeAt sends consumes of a tenant at a rate, and answers how long each took from the moment when it was due.
func (s *server) consumeAt(ctx context.Context, tenant string, perSecond int, span time.Duration) ([]time.Duration, error) {
	a := arrivals{perSecond: float64(perSecond), span: span, callers: 128}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: a.callers}}
	defer client.CloseIdleConnections()
	own := &server{url: s.url, key: s.key, client: client}
	waits, _, err := a.run(ctx, func(i int) error {
		return own.expect(ctx, "/v1/consume", fmt.Appendf(nil, `{"id":"%s-%s-%d","tenant_id":"%s","feature_type":"api_calls"}`, tenant, span, i, tenant), []byte(`"allowed":true`))
	})
	return waits, err
}
