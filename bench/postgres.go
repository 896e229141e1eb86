package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// PostgreSQL as the usual design has it: a table of events with the indexes that the questions need, and a daily table by tenant and
// dimensions, in a server of its own on a socket in the bench's directory. Times are the server's own (planning and execution), so
// no client stands between.

const postgresSchema = `
CREATE TABLE events (id text PRIMARY KEY, tenant text NOT NULL, usr text NOT NULL, model text NOT NULL, kind text NOT NULL,
  region text NOT NULL, quantity bigint NOT NULL, at timestamptz NOT NULL);
COPY events FROM STDIN;
`

const postgresIndexes = `
CREATE INDEX ON events (tenant, at);
CREATE INDEX ON events (at);
CREATE TABLE daily AS SELECT tenant, (at AT TIME ZONE 'UTC')::date AS day, model, kind, region, sum(quantity) AS quantity,
  count(DISTINCT usr) AS users FROM events GROUP BY 1, 2, 3, 4, 5;
CREATE INDEX ON daily (tenant, day);
CREATE INDEX ON daily (day);
VACUUM ANALYZE;
`

type postgres struct{ dir string }

// programOf finds a program of PostgreSQL: Debian keeps those of the server out of the PATH.
func programOf(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
		return found[len(found)-1]
	}
	return name
}

// asPostgres runs a program of PostgreSQL, which refuses to be root.
func asPostgres(ctx context.Context, args ...string) *exec.Cmd {
	args[0] = programOf(args[0])
	if os.Geteuid() == 0 {
		args = append([]string{"runuser", "-u", "postgres", "--"}, args...)
	}
	return exec.CommandContext(ctx, args[0], args[1:]...)
}

func startPostgres(ctx context.Context, dir string) (*postgres, error) {
	if _, err := exec.LookPath(programOf("initdb")); err != nil {
		return nil, fmt.Errorf("PostgreSQL is needed (apt-get install postgresql): %w", err)
	}
	p := &postgres{dir: filepath.Join(dir, "pg")}
	if os.Geteuid() == 0 {
		if out, err := exec.CommandContext(ctx, "chown", "postgres", dir).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("chown: %w: %s", err, out)
		}
	}
	if out, err := asPostgres(ctx, "initdb", "-D", p.dir, "-A", "trust", "-E", "UTF8", "--no-locale").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	options := "-c listen_addresses='' -c unix_socket_directories=" + dir + " -c shared_buffers=512MB -c work_mem=64MB -c max_wal_size=4GB -c synchronous_commit=off"
	out, err := asPostgres(ctx, "pg_ctl", "-D", p.dir, "-w", "-l", filepath.Join(dir, "pg.log"), "-o", options, "start").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("pg_ctl start: %w: %s", err, out)
	}
	return p, nil
}

func (p *postgres) stop() error {
	out, err := asPostgres(context.Background(), "pg_ctl", "-D", p.dir, "-m", "immediate", "stop").CombinedOutput()
	if err != nil {
		return fmt.Errorf("pg_ctl stop: %w: %s", err, out)
	}
	return nil
}

// psql runs a script and returns what it prints.
func (p *postgres) psql(ctx context.Context, script io.Reader) ([]byte, error) {
	cmd := asPostgres(ctx, "psql", "-h", filepath.Dir(p.dir), "-d", "postgres", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = script, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("psql: %w: %s", err, stderr.Bytes())
	}
	return stdout.Bytes(), nil
}

// load copies the events in.
func (p *postgres) load(ctx context.Context, events int, end time.Time) error {
	r, w := io.Pipe()
	go func() {
		b := bufio.NewWriterSize(w, 1<<20)
		_, _ = b.WriteString(postgresSchema)
		for n := range uint64(events) {
			ev := analyticsEventOf(n, end)
			fmt.Fprintf(b, "%x\t%s\tuser-%03d\t%s\t%s\t%s\t%d\t%s\n", n, ev.tenantName(), ev.user, analyticsModels[ev.model], analyticsKinds[ev.kind],
				analyticsRegions[ev.region], ev.quantity, ev.at.Format(time.RFC3339))
		}
		_, _ = b.WriteString("\\.\n")
		_ = w.CloseWithError(b.Flush()) // nil is the end
	}()
	_, err := p.psql(ctx, r)
	return err
}

// ask has a query executed and returns how long the server took.
func (p *postgres) ask(ctx context.Context, query string) (time.Duration, error) {
	out, err := p.psql(ctx, strings.NewReader("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "+query+";\n"))
	if err != nil {
		return 0, err
	}
	var plan []struct {
		Planning  float64 `json:"Planning Time"`
		Execution float64 `json:"Execution Time"`
	}
	if err := json.Unmarshal(out, &plan); err != nil || len(plan) != 1 {
		return 0, fmt.Errorf("plan of %s: %w", query, err)
	}
	return time.Duration((plan[0].Planning + plan[0].Execution) * float64(time.Millisecond)), nil
}

func analyticsPostgres(ctx context.Context, r *report, dir string, events int, end time.Time) (err error) {
	p, err := startPostgres(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	start := time.Now()
	if err := p.load(ctx, events, end); err != nil {
		return err
	}
	r.add(fmt.Sprintf("postgres: COPY %d events", events), figure{"copied", float64(events) / time.Since(start).Seconds(), "ev/s"})
	start = time.Now()
	if _, err := p.psql(ctx, strings.NewReader(postgresIndexes)); err != nil {
		return err
	}
	r.add("postgres: indexes and the daily table", figure{"made", time.Since(start).Seconds(), "s"})
	span := fmt.Sprintf("at >= '%s' AND at < '%s'", end.AddDate(0, 0, -analyticsDays).Format(time.RFC3339), end.Format(time.RFC3339))
	for _, question := range []struct{ what, query string }{
		{"one tenant, 30 days by the hour, events", "SELECT date_trunc('hour', at), sum(quantity) FROM events WHERE tenant = '%s' AND " + span + " GROUP BY 1 ORDER BY 1"},
		{"the same grouped by a dimension, events", "SELECT date_trunc('hour', at), model, sum(quantity) FROM events WHERE tenant = '%s' AND " + span + " GROUP BY 1, 2 ORDER BY 1, 2"},
		{"top 10 tenants of 30 days, daily table", "SELECT tenant, sum(quantity) FROM daily WHERE '%s' <> '' GROUP BY 1 ORDER BY 2 DESC LIMIT 10"},
		{"top 10 tenants of 30 days, events", "SELECT tenant, sum(quantity) FROM events WHERE '%s' <> '' AND " + span + " GROUP BY 1 ORDER BY 2 DESC LIMIT 10"},
	} {
		var waits []figure
		var times []time.Duration
		for i := range 21 {
			ev := analyticsEvent{tenant: int(mix(uint64(i)) % analyticsTenants)}
			took, err := p.ask(ctx, fmt.Sprintf(question.query, ev.tenantName()))
			if err != nil {
				return err
			}
			times = append(times, took)
		}
		waits = append(waits, figure{"first", float64(times[0].Nanoseconds()), "ns"}, figure{"median", float64(medianOf(times[1:]).Nanoseconds()), "ns"})
		r.add("postgres: "+question.what, waits...)
	}
	return nil
}
