package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// figure is one measured number.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// row is one line of a table: what was run, and what came out.
type row struct {
	What    string   `json:"what"`
	Figures []figure `json:"figures"`
}

// report is what one invocation measured, and on what.
type report struct {
	Name    string    `json:"name"`
	Started time.Time `json:"started"`
	Commit  string    `json:"commit"`
	Args    []string  `json:"args,omitempty"` // flags that were given
	Runs    int       `json:"runs"`
	Machine machine   `json:"machine"`
	Notes   []string  `json:"notes,omitempty"`
	Rows    []row     `json:"rows"`
}

func newReport(name string, o *options) *report {
	r := &report{Name: name, Started: time.Now().UTC(), Commit: commit(), Args: o.args, Runs: o.runs,
		Machine: thisMachine(o.dir)}
	if r.Machine.FileSystem == "tmpfs" || r.Machine.FileSystem == "ramfs" {
		r.note("the directory is in memory: fsync costs nothing here; choose another with -dir")
	}
	if r.Machine.Busy > float64(r.Machine.Cores)/4 {
		r.note("something else kept %.1f cores busy: alone, it does better than this", r.Machine.Busy)
	}
	return r
}

func (r *report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// add appends a row, and shows it on standard error at once: the table may be minutes away.
func (r *report) add(what string, figures ...figure) {
	r.Rows = append(r.Rows, row{what, figures})
	fmt.Fprintf(os.Stderr, "%s: %s:", r.Name, strings.TrimSpace(what))
	for _, f := range figures {
		fmt.Fprintf(os.Stderr, " %s %s,", human(f.Value, f.Unit), f.Name)
	}
	fmt.Fprintln(os.Stderr)
}

// print writes the table for people.
func (r *report) print(w io.Writer) error {
	fmt.Fprintf(w, "\n%s  commit %s  median of %d\n%s\n", r.Name, r.Commit, r.Runs, r.Machine)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range r.Rows {
		fmt.Fprintf(t, "  %s", row.What)
		for _, f := range row.Figures {
			fmt.Fprintf(t, "\t%s %s", human(f.Value, f.Unit), f.Name)
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, "  note:", n)
	}
	return nil
}

// save writes the JSON for machines into dir and returns the file's name.
func (r *report) save(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, r.Name+"-"+r.Started.Format("20060102T150405Z")+".json")
	return name, os.WriteFile(name, append(data, '\n'), 0o644)
}

// human writes v with three significant digits and a decimal multiple where the unit has one.
func human(v float64, unit string) string {
	switch {
	case unit == "ns" && v >= 1e9:
		return fmt.Sprintf("%.3g s", v/1e9)
	case unit == "ns" && v >= 1e6:
		return fmt.Sprintf("%.3g ms", v/1e6)
	case unit == "ns" && v >= 1e3:
		return fmt.Sprintf("%.3g us", v/1e3)
	case unit == "B" && v >= 1<<20:
		return fmt.Sprintf("%.1f MiB", v/(1<<20))
	case unit == "count":
		return fmt.Sprintf("%.0f", v)
	case v >= 1e6:
		return fmt.Sprintf("%.2f M%s", v/1e6, unit)
	case v >= 1e4:
		return fmt.Sprintf("%.1f k%s", v/1e3, unit)
	}
	return strings.TrimSpace(fmt.Sprintf("%.4g %s", v, unit))
}

// commit names the code that was measured; "+" when files differ from it.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(out))
	if st, err := exec.Command("git", "--no-optional-locks", "status", "--porcelain").Output(); err == nil && len(st) > 0 {
		name += "+"
	}
	return name
}

// medians runs f runs times and returns, figure by figure, the median. Every run must return the
// same figures in the same order.
func medians(runs int, f func(run int) ([]figure, error)) ([]figure, error) {
	var all [][]figure
	for i := range runs {
		figures, err := f(i)
		if err != nil {
			return nil, err
		}
		all = append(all, figures)
	}
	out := slices.Clone(all[0])
	for i := range out {
		var values []float64
		for _, figures := range all {
			values = append(values, figures[i].Value)
		}
		out[i].Value = median(values)
	}
	return out, nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	mid := len(values) / 2
	if len(values)%2 == 1 {
		return values[mid]
	}
	return (values[mid-1] + values[mid]) / 2
}

// percentile returns the value below which the part p of the sorted durations lies (nearest rank).
func percentile(sorted []time.Duration, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[min(len(sorted)-1, int(p*float64(len(sorted))))].Nanoseconds())
}

// latencies returns the p50 and p99 figures of several callers' samples.
func latencies(what string, perCaller [][]time.Duration) []figure {
	all := slices.Concat(perCaller...)
	slices.Sort(all)
	return []figure{
		{what + " p50", percentile(all, 0.50), "ns"},
		{what + " p99", percentile(all, 0.99), "ns"},
	}
}
