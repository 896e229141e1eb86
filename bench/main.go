package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are the flags. Zero numbers mean the workload's own default.
type options struct {
	dir    string        // where the stores are made and removed
	out    string        // where the JSON goes
	runs   int           // the figures are medians of so many
	events int           // events per row
	full   bool          // ingest: the whole matrix; scale: all sizes
	args   []string      // as given, without names and directories
	rate   float64       // load, soak: checks a second
	span   time.Duration // load, soak: how long
}

// workload is one thing to measure.
type workload struct {
	name, what string
	run        func(ctx context.Context, o *options, r *report) error
}

// workloads are in the order in which `all` runs them.
var workloads = []workload{
	{"ingest", "embedded, durable, exactly once; -full for the matrix", runIngest},
	{"current", "Engine.Current in process", runCurrent},
	{"redis", "the rival: one Lua script per event on a real redis-server", runRedis},
	{"ingest-http", "a real weir serve, JSON batches of 1,000", runHTTP},
	{"allowed", "Engine.Allowed over 3 quotas", runAllowed},
	{"lease", "Lease.Take", runLease},
	{"consume", "durable Engine.Consume, one at a time from many callers", runConsume},
	{"consume-http", "a real weir serve, batches of 1,000 decisions", runConsumeHTTP},
	{"check-http", "single checks beside a bare net/http handler", runCheckHTTP},
	{"noisy", "a tenant beside one that sends ten times what it should", runNoisy},
	{"load", "open loop at a fixed rate: checks and batches at a real weir serve", runLoad},
	{"soak", "ten minutes of mixed work: memory and goroutines", runSoak},
	{"limiters", "rivals on the same job, with what they admit beyond the limit", runLimiters},
	{"dimensions", "ingest with three dimensions and with none; a hostile one; a million users", runDimensions},
	{"analytics", "questions over a month of 10 M events, beside PostgreSQL", runAnalytics},
	{"scale", "how cost grows with tenants, events and values of a dimension; -full up to 1 M, 100 M and 1,000", runScale},
	{"overview", "Overview of 10,000 tenants and Summary of one, after events of thirty days", runOverview},
	{"recover", "kill -9 while it writes, then Open", runRecover},
	{"disk", "bytes per event, everything in the directory counted", runDisk},
	{"memory", "resident set of a process that has recorded everything", runMemory},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == childName {
		exit(runChild(os.Args[2:]))
	}
	if len(os.Args) > 3 && os.Args[1] == scaleName {
		exit(runScaleChild(os.Args[2], os.Args[3]))
	}
	if len(os.Args) > 2 && os.Args[1] == bareName {
		exit(runBare(os.Args[2]))
	}
	if len(os.Args) > 1 && os.Args[1] == pageName {
		exit(runPage(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context, args []string) error {
	o := &options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.dir, "dir", os.TempDir(), "directory on the disk to measure")
	flags.StringVar(&o.out, "out", "out", "directory for the JSON")
	flags.IntVar(&o.runs, "runs", 3, "runs per row; the figures are medians")
	flags.IntVar(&o.events, "n", 0, "events per row (0: the workload's default)")
	flags.Float64Var(&o.rate, "rate", 0, "load, soak: checks a second, everything else in proportion (0: the workload's default)")
	flags.DurationVar(&o.span, "for", 0, "load, soak: how long (0: the workload's default)")
	flags.BoolVar(&o.full, "full", false, "ingest: the whole matrix; scale: all sizes")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "bench [flags] name...   (all: every one)")
		list()
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.runs < 1 || o.events < 0 {
		return errors.New("-runs must be at least 1 and -n not negative")
	}
	flags.Visit(func(f *flag.Flag) {
		if f.Name != "dir" && f.Name != "out" {
			o.args = append(o.args, "-"+f.Name+"="+f.Value.String())
		}
	})
	chosen, err := choose(flags.Args())
	if err != nil {
		return err
	}
	for _, w := range chosen {
		if err := measure(ctx, w, o); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

// choose finds the workloads that were named.
func choose(names []string) ([]workload, error) {
	var chosen []workload
	for _, name := range names {
		if name == "list" {
			list()
			continue
		}
		found := false
		for _, w := range workloads {
			if w.name == name || name == "all" {
				chosen, found = append(chosen, w), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no workload %q; try one of list, all, %s", name, known())
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("name a workload: all, %s", known())
	}
	return chosen, nil
}

// measure runs w and reports, also the rows that came before an error.
func measure(ctx context.Context, w workload, o *options) error {
	r := newReport(w.name, o)
	failed := w.run(ctx, o, r)
	if failed != nil {
		r.note("stopped: %v", failed)
	}
	if err := r.print(os.Stdout); err != nil {
		return err
	}
	name, err := r.save(o.out)
	if err == nil {
		fmt.Println("  written to", name)
	}
	return errors.Join(failed, err)
}

func known() string {
	var names []string
	for _, w := range workloads {
		names = append(names, w.name)
	}
	return strings.Join(names, ", ")
}

func list() {
	for _, w := range workloads {
		fmt.Printf("  %-12s %s\n", w.name, w.what)
	}
}
