package main

// The rival is the usual design over Redis: one Lua script per event remembers the id, counts,
// sets the counter's expiry and appends the event to a stream, and is sent in pipelines.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/weirhq/weir/usage"
)

const (
	redisEvents      = 500_000
	redisPipeline    = 100
	redisConnections = 8
)

// redisScript counts an event once. KEYS: id, counter, stream. ARGV: quantity, then the event.
const redisScript = `
if redis.call('SET', KEYS[1], '1', 'NX', 'EX', 86400) then
  redis.call('INCRBY', KEYS[2], ARGV[1])
  redis.call('EXPIRE', KEYS[2], 2678400)
  redis.call('XADD', KEYS[3], '*', 'tenant', ARGV[2], 'user', ARGV[3], 'feature', ARGV[4],
    'quantity', ARGV[1], 'metadata', ARGV[5])
  return 1
end
return 0`

func runRedis(ctx context.Context, o *options, r *report) error {
	version, err := exec.CommandContext(ctx, "redis-server", "--version").Output()
	if err != nil {
		return fmt.Errorf("redis-server is needed (apt-get install redis-server): %w", err)
	}
	r.note("%s", strings.TrimSpace(string(version)))
	events := redisEvents
	if o.events > 0 {
		events = o.events
	}
	for _, fsync := range []string{"always", "everysec"} {
		figures, err := medians(o.runs, func(int) (figures []figure, err error) {
			err = inStore(o, func(dir string) error {
				figures, err = redisOnce(ctx, dir, fsync, events)
				return err
			})
			return figures, err
		})
		if err != nil {
			return err
		}
		r.add(fmt.Sprintf("appendfsync %s, %d events, pipelines of %d, %d connections, unix socket",
			fsync, events, redisPipeline, redisConnections), figures...)
	}
	return nil
}

// redisOnce starts a server in dir, sends events, and compares the length of its stream with them.
func redisOnce(ctx context.Context, dir, fsync string, events int) (figures []figure, err error) {
	client, stop, err := startRedis(ctx, dir, fsync)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	sha, err := client.ScriptLoad(ctx, redisScript).Result()
	if err != nil {
		return nil, err
	}
	src := newSource(1_000, 0)
	var left atomic.Int64
	left.Store(int64(events))
	errs := make([]error, redisConnections)
	var wg sync.WaitGroup
	start := time.Now()
	for c := range redisConnections {
		wg.Go(func() { errs[c] = redisCaller(ctx, client, sha, src, c, &left) })
	}
	wg.Wait()
	elapsed := time.Since(start)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if n, err := client.XLen(ctx, "events").Result(); err != nil || n != int64(events) {
		return nil, fmt.Errorf("the stream holds %d of %d events: %v", n, events, err)
	}
	return []figure{{"acknowledged", float64(events) / elapsed.Seconds(), "ev/s"}}, nil
}

// redisCaller sends pipelines until nothing is left; every event must be new.
func redisCaller(ctx context.Context, client *redis.Client, sha string, src *source, caller int,
	left *atomic.Int64,
) error {
	conn := client.Conn()
	defer conn.Close()
	numbers := newNumbering(caller, redisConnections, 0)
	evs := make([]usage.Event, redisPipeline)
	for {
		n := min(redisPipeline, left.Add(-redisPipeline)+redisPipeline)
		if n <= 0 {
			return nil
		}
		src.fill(evs[:n], numbers.take)
		pipe := conn.Pipeline()
		for i := range evs[:n] {
			ev := &evs[i]
			units, _ := ev.Quantity.Parts()
			pipe.EvalSha(ctx, sha,
				[]string{"event:" + ev.ID, "usage:" + ev.TenantID + ":" + ev.FeatureType, "events"},
				units, ev.TenantID, ev.UserID, ev.FeatureType, []byte(ev.Metadata))
		}
		answers, err := pipe.Exec(ctx)
		if err != nil {
			return err
		}
		for _, a := range answers {
			if counted, err := a.(*redis.Cmd).Int(); err != nil || counted != 1 {
				return fmt.Errorf("an event was not counted: %d, %v", counted, err)
			}
		}
	}
}

// startRedis starts a real server with nothing but an append-only file, and waits until it answers.
func startRedis(ctx context.Context, dir, fsync string) (*redis.Client, func() error, error) {
	socket := filepath.Join(dir, "redis.sock")
	cmd := exec.CommandContext(ctx, "redis-server", "--port", "0", "--unixsocket", socket,
		"--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", fsync, "--loglevel", "warning")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket, PoolSize: redisConnections + 1,
		ReadTimeout: time.Minute})
	stop := func() error {
		err := client.Close()
		_ = cmd.Process.Kill() // its directory is removed next
		_ = cmd.Wait()         // reports the signal
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := client.Ping(ctx).Err()
		if err == nil {
			return client, stop, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return nil, nil, errors.Join(err, stop())
		}
	}
}
