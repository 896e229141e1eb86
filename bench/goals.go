package main

// The goals, and where in the reports each is measured.

import (
	"fmt"
	"regexp"
)

// ref is a figure of a report: of the first row that matches.
type ref struct{ workload, row, figure string }

// goal is a row of the table of goals. Of the bounds at most one is set; a goal without any is a figure that is worth knowing.
type goal struct {
	section  string
	what     string
	measured ref
	atLeast  float64 // in the unit of the figure
	atMost   float64
	against  ref     // a rival, or what the figure is held against
	rival    string  // its name
	times    float64 // measured >= times * against
	share    float64 // measured <= share * against
	above    float64 // measured <= against + above
}

const (
	micro = 1e3 // nanoseconds
	milli = 1e6
	mebi  = 1 << 20
)

// Rows of reports that several goals name.
var (
	ingest1000  = ref{"ingest", `^1000 tenants .* batch 1000,`, "acknowledged"}
	redisAlways = ref{"redis", `^appendfsync always`, "acknowledged"}
	hourly      = ref{"analytics", `^weir: one tenant, 30 days by the hour`, "median"}
)

var goals = []goal{
	{section: "Ingest", what: "embedded, 1,000 tenants x 4 meters, batches of 1,000", measured: ingest1000, atLeast: 2e6},
	{section: "Ingest", what: "embedded, 10,000 tenants x 4 meters, 10 M ids", measured: ref{"ingest", `^10000 tenants `, "acknowledged"}, atLeast: 1e6},
	{section: "Ingest", what: "the same job as the Redis design, fsync always", measured: ingest1000, times: 10, against: redisAlways, rival: "Redis, fsync always"},
	{section: "Ingest", what: "the same job as the Redis design, fsync everysec", measured: ingest1000, times: 10,
		against: ref{"redis", `^appendfsync everysec`, "acknowledged"}, rival: "Redis, fsync everysec"},
	{section: "Ingest", what: "single durable events, 64 callers: p50", measured: ref{"ingest", ` batch 1, 64 callers`, "call p50"}, above: 200 * micro,
		against: ref{"ingest", ` batch 1, 64 callers`, "bare fsync p50"}, rival: "a bare fsync"},
	{section: "Ingest", what: "HTTP, JSON batches of 1,000, client on the same cores", measured: ref{"ingest-http", ` 8 clients`, "acknowledged"}, atLeast: 300e3},
	{section: "Ingest", what: "the same against Redis", measured: ref{"ingest-http", ` 8 clients`, "acknowledged"}, times: 3, against: redisAlways, rival: "Redis, fsync always"},
	{section: "Ingest", what: "three declared dimensions, against none", measured: ref{"dimensions", `^3 dimensions`, "acknowledged"}, times: 0.5,
		against: ref{"dimensions", `^0 dimensions`, "acknowledged"}, rival: "weir without"},

	{section: "Decisions", what: "`Allowed`, 3 quotas, 10,000 hot of 1 M tenants, 1 goroutine", measured: ref{"allowed", `^3 quotas, 10000 .* 1 goroutines`, "per call"}, atMost: 150,
		against: ref{"allowed", `^a Go map .* 10000 of`, "per call"}, rival: "a Go map of one counter each"},
	{section: "Decisions", what: "the same with 2 goroutines", measured: ref{"allowed", `^3 quotas, 10000 .* 2 goroutines`, "per call"}, atMost: 150},
	{section: "Decisions", what: "the same, uniform over 1 M tenants", measured: ref{"allowed", `^3 quotas, 1000000 of .* 1 goroutines`, "per call"},
		against: ref{"allowed", `^a Go map .* 1000000 of`, "per call"}, rival: "a Go map of one counter each"},
	{section: "Decisions", what: "`Current`, 10,000 tenants x 4 meters", measured: ref{"current", `1 goroutines`, "per read"}, atMost: 100},
	{section: "Decisions", what: "`Lease.Take`, 1 goroutine", measured: ref{"lease", ` 1 goroutines`, "per Take"}, atMost: 30},
	{section: "Decisions", what: "`Lease.Take`, 2 goroutines on one lease", measured: ref{"lease", ` 2 goroutines`, "per Take"}, atMost: 30},
	{section: "Decisions", what: "durable `Consume`, 3 quotas, 256 callers", measured: ref{"consume", `256 callers`, "decided"}, atLeast: 200e3},
	{section: "Decisions", what: "durable `Consume`, 64 callers: p50", measured: ref{"consume", ` 64 callers`, "call p50"}, above: 200 * micro,
		against: ref{"consume", ` 64 callers`, "bare fsync p50"}, rival: "a bare fsync"},
	{section: "Decisions", what: "HTTP consume, batches of 1,000, fsync on", measured: ref{"consume-http", `.`, "decided"}, atLeast: 300e3},
	{section: "Decisions", what: "HTTP check", measured: ref{"check-http", `^POST /v1/check, \d+ clients`, "checked"}, times: 0.8,
		against: ref{"check-http", `^bare .*, \d+ clients`, "answered"}, rival: "a bare net/http handler"},
	{section: "Decisions", what: "HTTP check at 10,000 a second, open loop: p99", measured: ref{"load", `^POST /v1/check, 10000/s`, "p99"}, atMost: milli,
		against: ref{"load", `^bare .*, 10000/s`, "p99"}, rival: "a bare net/http handler"},
	{section: "Decisions", what: "HTTP check under wrk, as fast as two connections go: p99", measured: ref{"load", `^POST /v1/check, wrk with 2`, "p99"}, atMost: milli,
		against: ref{"load", `^bare .*, wrk with 2`, "p99"}, rival: "a bare net/http handler"},

	{section: "Questions", what: "one tenant, 30 days by the hour", measured: hourly, atMost: milli,
		against: ref{"analytics", `^postgres: one tenant.*, events`, "median"}, rival: "PostgreSQL, its events"},
	{section: "Questions", what: "the same grouped by a dimension", measured: ref{"analytics", `^weir: the same grouped by a dimension`, "median"}, atMost: 5 * milli,
		against: ref{"analytics", `^postgres: the same grouped by a dimension, events`, "median"}, rival: "PostgreSQL, its events"},
	{section: "Questions", what: "top 10 of 10,000 tenants, 30 days", measured: ref{"analytics", `^weir: top 10 tenants of 30 days`, "median"}, atMost: 50 * milli,
		against: ref{"analytics", `^postgres: top 10 .*daily table`, "median"}, rival: "PostgreSQL, a daily table"},
	{section: "Questions", what: "top 10 of 10,000 tenants, the open month", measured: ref{"analytics", `^weir: top 10 tenants of the open month`, "median"}, atMost: 50 * milli},
	{section: "Questions", what: "overview of 10,000 tenants, this month", measured: ref{"overview", `^overview, month`, "median"}, atMost: 50},
	{section: "Questions", what: "summary of one tenant", measured: ref{"overview", `^summary`, "median"}},

	{section: "Service", what: "p99 beside a tenant at ten times its rate", measured: ref{"noisy", `beside one at 3000/s`, "request p99"}, share: 2,
		against: ref{"noisy", `beside one at 300/s`, "request p99"}, rival: "beside a quiet one"},
	{section: "Service", what: "resident memory after ten minutes of mixed work", measured: ref{"soak", `.`, "resident at the end"}, share: 1.2,
		against: ref{"soak", `.`, "resident after a quarter"}, rival: "after a quarter"},
	{section: "Service", what: "goroutines after ten minutes of mixed work", measured: ref{"soak", `.`, "goroutines at the end"}, share: 1.2,
		against: ref{"soak", `.`, "goroutines after a quarter"}, rival: "after a quarter"},

	{section: "Storage", what: "restart after kill -9 with 10 M events", measured: ref{"recover", `.`, "until ready"}, atMost: 2000 * milli},
	{section: "Storage", what: "disk, 1,000 tenants, UUID ids and metadata, everything counted", measured: ref{"disk", `1000 tenants, opened and closed again`, "on disk"}, atMost: 45},
	{section: "Storage", what: "disk, 10,000 tenants with 1 M names of users", measured: ref{"disk", `10000 tenants, opened and closed again`, "on disk"}, atMost: 45},
	{section: "Storage", what: "resident memory, 10 M ids, 40,000 counters", measured: ref{"memory", `.`, "5 s later"}, atMost: 512 * mebi},
}

// find answers the figure that a ref names.
func (p page) find(x ref) (figure, bool) {
	r, ok := p[x.workload]
	if !ok || x.workload == "" {
		return figure{}, false
	}
	re := regexp.MustCompile(x.row)
	for _, row := range r.Rows {
		for _, f := range row.Figures {
			if f.Name == x.figure && re.MatchString(row.What) {
				return f, true
			}
		}
	}
	return figure{}, false
}

// judged is a goal with its figures.
type judged struct {
	goal     string // as text
	measured string
	beside   string // the rival's figure
	reached  bool
	missed   bool
}

// judge holds a goal against the reports; ok is false when it was not measured.
func (p page) judge(g goal) (j judged, ok bool) {
	m, ok := p.find(g.measured)
	if !ok {
		return j, false
	}
	j.measured, j.goal = human(m.Value, m.Unit), "-"
	a, beside := p.find(g.against)
	if beside {
		j.beside = fmt.Sprintf("%s (%s)", human(a.Value, a.Unit), g.rival)
		if a.Unit == m.Unit && a.Value > 0 && g.above == 0 {
			j.beside += fmt.Sprintf(", %.3gx", m.Value/a.Value)
		}
	}
	good := true
	switch {
	case g.atLeast > 0:
		j.goal, good = "at least "+human(g.atLeast, m.Unit), m.Value >= g.atLeast
	case g.atMost > 0:
		j.goal, good = "at most "+human(g.atMost, m.Unit), m.Value <= g.atMost
	case !beside:
		return j, true
	case g.times > 0:
		j.goal, good = fmt.Sprintf("at least %gx %s", g.times, g.rival), m.Value >= g.times*a.Value
	case g.share > 0:
		j.goal, good = fmt.Sprintf("at most %gx %s", g.share, g.rival), m.Value <= g.share*a.Value
	case g.above > 0:
		j.goal, good = fmt.Sprintf("at most %s above %s", human(g.above, m.Unit), g.rival), m.Value <= a.Value+g.above
	default:
		return j, true
	}
	j.reached, j.missed = good, !good
	return j, true
}
