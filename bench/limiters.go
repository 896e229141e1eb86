package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	gostore "github.com/sethvargo/go-limiter/memorystore"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"
	"github.com/ulule/limiter/v3"
	ulule "github.com/ulule/limiter/v3/drivers/store/memory"
	"golang.org/x/time/rate"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// The job of every limiter here: from 64 goroutines, admit at most limiterLimit calls of each of 100 keys, of limiterCalls asked for.
// What a limiter admits beyond that is its overshoot; what it admits less, its undershoot.
const (
	limiterKeys  = 100
	limiterLimit = 1000
	limiterCalls = 200_000
)

// limiterCase is one way of doing the job. start returns the call, and what to clean up.
type limiterCase struct {
	name  string
	start func(ctx context.Context, o *options) (call func(key int) (bool, error), stop func() error, err error)
}

var limiterCases = []limiterCase{
	{"weir Consume: durable, exactly once", startWeirConsume},
	{"weir Lease.Take: durable, spent in process", startWeirLease},
	{"Redis, Lua check and increment, fsync always", func(ctx context.Context, o *options) (func(int) (bool, error), func() error, error) {
		return startRedisLimiter(ctx, o, "always")
	}},
	{"Redis, Lua check and increment, fsync everysec", func(ctx context.Context, o *options) (func(int) (bool, error), func() error, error) {
		return startRedisLimiter(ctx, o, "everysec")
	}},
	{"golang.org/x/time/rate: in memory", startTimeRate},
	{"throttled/v2: in memory", startThrottled},
	{"sethvargo/go-limiter: in memory", startGoLimiter},
	{"ulule/limiter/v3: in memory", startUlule},
}

// runLimiters compares limiters that do the same job.
func runLimiters(ctx context.Context, o *options, r *report) error {
	for _, c := range limiterCases {
		figures, err := medians(o.runs, func(int) ([]figure, error) {
			call, stop, err := c.start(ctx, o)
			if err != nil {
				return nil, err
			}
			figures, err := limiterOnce(call)
			return figures, errors.Join(err, stop())
		})
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		r.add(c.name, figures...)
	}
	r.note("%d keys, a limit of %d calls each, %d calls asked for by 64 goroutines; only weir's and Redis's counts survive a crash", limiterKeys, limiterLimit, limiterCalls)
	return nil
}

func limiterOnce(call func(key int) (bool, error)) ([]figure, error) {
	var next atomic.Int64
	var admitted [limiterKeys]atomic.Int64
	errs := make([]error, 64)
	var wg sync.WaitGroup
	start := time.Now()
	for g := range errs {
		wg.Go(func() {
			for errs[g] == nil {
				i := next.Add(1)
				if i > limiterCalls {
					return
				}
				key := int(i % limiterKeys)
				var ok bool
				if ok, errs[g] = call(key); ok {
					admitted[key].Add(1)
				}
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	over, under := int64(0), int64(0)
	for i := range admitted {
		over += max(0, admitted[i].Load()-limiterLimit)
		under += max(0, limiterLimit-admitted[i].Load())
	}
	return []figure{{"asked", limiterCalls / elapsed.Seconds(), "/s"}, {"per call", float64(elapsed.Nanoseconds()) / limiterCalls, "ns"},
		{"overshoot", float64(over), "count"}, {"undershoot", float64(under), "count"}}, errors.Join(errs...)
}

// startWeir opens an engine whose tenants may make limiterLimit calls.
func startWeir(ctx context.Context, o *options) (*engine.Engine, func() error, error) {
	done := make(chan error, 1)
	opened := make(chan *engine.Engine, 1)
	end := make(chan struct{})
	go func() {
		done <- inEngine(o, func(e *engine.Engine) error {
			opened <- e
			<-end
			return nil
		})
	}()
	stop := sync.OnceValue(func() error { close(end); return <-done })
	var e *engine.Engine
	select {
	case e = <-opened:
	case err := <-done:
		return nil, nil, err
	}
	plan := "p"
	err := e.PutPlan(ctx, usage.Plan{Slug: plan, Quotas: []usage.Quota{{Slug: "m", Meter: "api_calls",
		Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(limiterLimit))}}})
	if err == nil {
		err = e.PutSettings(ctx, usage.Settings{DefaultPlan: &plan}, usage.Condition{})
	}
	return e, stop, err
}

func startWeirConsume(ctx context.Context, o *options) (func(int) (bool, error), func() error, error) {
	e, stop, err := startWeir(ctx, o)
	var id atomic.Int64
	return func(key int) (bool, error) {
		a, err := e.Consume(ctx, usage.Request{ID: fmt.Sprint(id.Add(1)), TenantID: fmt.Sprint("t", key), Items: []usage.Item{{FeatureType: "api_calls"}}})
		return a.Allowed, err
	}, stop, err
}

func startWeirLease(ctx context.Context, o *options) (func(int) (bool, error), func() error, error) {
	e, stop, err := startWeir(ctx, o)
	if err != nil {
		return nil, stop, err
	}
	var held [limiterKeys]*engine.Lease
	for key := range held {
		held[key], err = e.Lease(ctx, usage.LeaseRequest{ID: fmt.Sprint("l", key), TenantID: fmt.Sprint("t", key), FeatureType: "api_calls", Quantity: usage.Int(limiterLimit)})
		if err != nil {
			return nil, stop, err
		}
	}
	settle := func() error {
		var errs []error
		for _, l := range held {
			errs = append(errs, l.Settle(ctx, true))
		}
		return errors.Join(append(errs, stop())...)
	}
	return func(key int) (bool, error) { return held[key].Take(1), nil }, settle, nil
}

// redisLimit is the usual check and increment.
const redisLimit = `
local n = tonumber(redis.call('GET', KEYS[1]) or '0')
if n + 1 > tonumber(ARGV[1]) then return 0 end
redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], 2678400)
return 1`

func startRedisLimiter(ctx context.Context, o *options, fsync string) (func(int) (bool, error), func() error, error) {
	client, stop, err := redisIn(ctx, o, fsync)
	if err != nil {
		return nil, nil, err
	}
	script := redis.NewScript(redisLimit)
	return func(key int) (bool, error) {
		n, err := script.Run(ctx, client, []string{fmt.Sprint("k", key)}, limiterLimit).Int()
		return n == 1, err
	}, stop, script.Load(ctx, client).Err()
}

// redisIn starts a redis-server in a directory that stop removes.
func redisIn(ctx context.Context, o *options, fsync string) (*redis.Client, func() error, error) {
	type started struct {
		client *redis.Client
		err    error
	}
	ready, end, done := make(chan started, 1), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- inStore(o, func(dir string) error {
			client, stop, err := startRedis(ctx, dir, fsync)
			ready <- started{client, err}
			if err != nil {
				return err
			}
			<-end
			return stop()
		})
	}()
	s := <-ready
	return s.client, func() error { close(end); return <-done }, s.err
}

func nothing() error { return nil }

func startTimeRate(context.Context, *options) (func(int) (bool, error), func() error, error) {
	var limits [limiterKeys]*rate.Limiter
	for i := range limits {
		limits[i] = rate.NewLimiter(rate.Every(31*24*time.Hour/limiterLimit), limiterLimit)
	}
	return func(key int) (bool, error) { return limits[key].Allow(), nil }, nothing, nil
}

func startThrottled(context.Context, *options) (func(int) (bool, error), func() error, error) {
	store, err := memstore.NewCtx(limiterKeys * 2)
	if err != nil {
		return nil, nil, err
	}
	l, err := throttled.NewGCRARateLimiterCtx(store, throttled.RateQuota{MaxRate: throttled.PerDay(limiterLimit), MaxBurst: limiterLimit - 1})
	if err != nil {
		return nil, nil, err
	}
	l.SetMaxCASAttemptsLimit(1000)
	return func(key int) (bool, error) {
		limited, _, err := l.RateLimitCtx(context.Background(), fmt.Sprint("k", key), 1)
		return !limited, err
	}, nothing, nil
}

func startGoLimiter(context.Context, *options) (func(int) (bool, error), func() error, error) {
	store, err := gostore.New(&gostore.Config{Tokens: limiterLimit, Interval: 24 * time.Hour})
	if err != nil {
		return nil, nil, err
	}
	return func(key int) (bool, error) {
		_, _, _, ok, err := store.Take(context.Background(), fmt.Sprint("k", key))
		return ok, err
	}, func() error { return store.Close(context.Background()) }, nil
}

func startUlule(context.Context, *options) (func(int) (bool, error), func() error, error) {
	l := limiter.New(ulule.NewStore(), limiter.Rate{Period: 24 * time.Hour, Limit: limiterLimit})
	return func(key int) (bool, error) {
		c, err := l.Get(context.Background(), fmt.Sprint("k", key))
		return !c.Reached, err
	}, nothing, nil
}
