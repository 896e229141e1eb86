package main

// docs/BENCHMARKS.md: its tables and plots are made from reports; what people wrote between them stays.

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// pageName is the first argument that makes the page instead of measuring.
const pageName = "page"

// page is the newest report of each workload.
type page map[string]*report

// runPage collects reports into docs/bench and writes what is generated of docs/BENCHMARKS.md.
func runPage(args []string) error {
	flags := flag.NewFlagSet(pageName, flag.ContinueOnError)
	out := flags.String("out", "out", "directory of new reports")
	docs := flags.String("docs", filepath.Join("..", "docs"), "the folder of BENCHMARKS.md")
	small := flags.Bool("small", false, "take reports with sizes of their own too (-n, -rate, -for)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	kept := filepath.Join(*docs, "bench")
	if err := os.MkdirAll(kept, 0o755); err != nil {
		return err
	}
	p := make(page)
	if err := errors.Join(p.read(kept, true), p.read(*out, *small)); err != nil {
		return err
	}
	for _, w := range workloads {
		r := p[w.name]
		if r == nil {
			fmt.Printf("  %-12s no report: make bench W=%s\n", w.name, w.name)
			continue
		}
		fmt.Printf("  %-12s %s, commit %s\n", w.name, r.Started.Format("2006-01-02 15:04"), r.Commit)
		text, err := json.MarshalIndent(r, "", "  ")
		if err == nil {
			err = os.WriteFile(filepath.Join(kept, w.name+".json"), append(text, '\n'), 0o644)
		}
		if err != nil {
			return err
		}
	}
	return p.write(*docs)
}

// read takes every report of a directory that is newer than what is there and whole.
func (p page) read(dir string, small bool) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		r := &report{}
		if err := json.Unmarshal(text, r); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if was := p[r.Name]; (was == nil || r.Started.After(was.Started)) && r.whole() && (small || !r.sized()) {
			p[r.Name] = r
		}
	}
	return nil
}

// whole reports whether the workload came to its end.
func (r *report) whole() bool {
	return !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, "stopped: ") })
}

// sized reports whether the sizes were chosen on the command line: such a report is of a trial.
func (r *report) sized() bool {
	return slices.ContainsFunc(r.Args, func(a string) bool {
		return strings.HasPrefix(a, "-n=") || strings.HasPrefix(a, "-rate=") || strings.HasPrefix(a, "-for=")
	})
}

// command is how to measure it again.
func (r *report) command() string {
	command := "make bench W=" + r.Name
	if len(r.Args) > 0 {
		command += fmt.Sprintf(" ARGS=%q", strings.Join(r.Args, " "))
	}
	return command
}

// write replaces the generated parts of the page and writes the plots.
func (p page) write(docs string) error {
	name := filepath.Join(docs, "BENCHMARKS.md")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		text string
	}{
		{"machine", p.machine()}, {"goals", p.goals()}, {"limiters", p.limiters()}, {"scale", p.scale()}, {"workloads", p.all()},
	} {
		if text, err = replacePart(text, part.name, part.text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return err
	}
	for _, plot := range p.plots() {
		if err := os.WriteFile(filepath.Join(docs, "bench", plot.file), plot.svg(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// replacePart puts text between the markers of a generated part. Everything else stays as it is.
func replacePart(page []byte, name, text string) ([]byte, error) {
	begin, end := "<!-- generated: "+name+" (make bench-report) -->", "<!-- end of "+name+" -->"
	head, rest, found := bytes.Cut(page, []byte(begin))
	_, tail, ended := bytes.Cut(rest, []byte(end))
	if !found || !ended {
		return nil, fmt.Errorf("the markers %q and %q are missing", begin, end)
	}
	return bytes.Join([][]byte{head, []byte(begin + "\n" + text + end), tail}, nil), nil
}
