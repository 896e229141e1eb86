package main

// The generated tables.

import (
	"fmt"
	"slices"
	"strings"
)

// ordered are the reports in the order of the workloads.
func (p page) ordered() (list []*report) {
	for _, w := range workloads {
		if r := p[w.name]; r != nil {
			list = append(list, r)
		}
	}
	return list
}

// machine says on what, when and of which code everything was measured.
func (p page) machine() string {
	var machines, commits, days []string
	add := func(to *[]string, text string) {
		if !slices.Contains(*to, text) {
			*to = append(*to, text)
		}
	}
	for _, r := range p.ordered() {
		m := r.Machine
		add(&machines, fmt.Sprintf("%s, %d cores, %s, %s %s, %s", m.CPU, m.Cores, m.Go, m.OS, m.Kernel, m.FileSystem))
		add(&commits, r.Commit)
		add(&days, r.Started.Format("2006-01-02"))
	}
	if len(machines) == 0 {
		return "Nothing was measured yet.\n"
	}
	slices.Sort(days)
	return fmt.Sprintf("Machine: %s. Dates: %s. Commits: %s.\n", strings.Join(machines, "; "), strings.Join(days, ", "), strings.Join(commits, ", "))
}

// goals is the table of goals, section by section. A goal that was not measured is in it, too.
func (p page) goals() string {
	var b strings.Builder
	section, reached, missed, open := "", 0, 0, 0
	for _, g := range goals {
		if g.section != section {
			section = g.section
			fmt.Fprintf(&b, "\n### %s\n\n", section)
			if section == "Ingest" && slices.ContainsFunc(p.plots(), func(x plot) bool { return x.file == ingestPlot }) {
				fmt.Fprintf(&b, "![durable events a second](bench/%s)\n\n", ingestPlot)
			}
			b.WriteString("| what | goal | measured | | beside it | command |\n|---|---|---|---|---|---|\n")
		}
		j, ok := p.judge(g)
		verdict := ""
		switch {
		case !ok:
			open++
			fmt.Fprintf(&b, "| %s | | not measured | | | `make bench W=%s` |\n", g.what, g.measured.workload)
			continue
		case j.reached:
			reached++
			verdict = "reached"
		case j.missed:
			missed++
			verdict = "**missed**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | `%s` |\n", g.what, j.goal, j.measured, verdict, j.beside, p[g.measured.workload].command())
	}
	return fmt.Sprintf("Goals: %d reached, %d missed, %d not measured.\n%s", reached, missed, open, b.String())
}

// limiters compares what does the same job.
func (p page) limiters() string {
	r := p["limiters"]
	if r == nil {
		return "Not measured: `make bench W=limiters`.\n"
	}
	text := "![calls a second](bench/limiters.svg)\n\n" + r.table()
	return text + r.remarks()
}

// scale is how cost grows, a table for each thing that grows.
func (p page) scale() string {
	r := p["scale"]
	if r == nil {
		return "Not measured: `make bench W=scale ARGS=-full`.\n"
	}
	var b strings.Builder
	for _, axis := range []string{"tenants", "events", "values"} {
		part := &report{Name: r.Name}
		for _, row := range r.Rows {
			if strings.HasPrefix(row.What, "by "+axis+":") {
				part.Rows = append(part.Rows, row)
			}
		}
		if len(part.Rows) == 0 {
			continue
		}
		title := map[string]string{"tenants": "More tenants", "events": "More events", "values": "More values of a dimension"}[axis]
		fmt.Fprintf(&b, "\n### %s\n\n%s\n", title, part.table())
		for _, plot := range p.plots() {
			if strings.HasPrefix(plot.file, "scale-"+axis) {
				fmt.Fprintf(&b, "![%s](bench/%s)\n", plot.title, plot.file)
			}
		}
	}
	return b.String() + r.remarks()
}

// all is every row of every report.
func (p page) all() string {
	var b strings.Builder
	for _, r := range p.ordered() {
		if r.Name == "limiters" || r.Name == "scale" {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s%s", r.Name, r.table(), r.remarks())
	}
	return b.String()
}

// table has a column for every figure that any row has.
func (r *report) table() string {
	var names []string
	for _, row := range r.Rows {
		for _, f := range row.Figures {
			if !slices.Contains(names, f.Name) {
				names = append(names, f.Name)
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for _, row := range r.Rows {
		cells := make([]string, len(names))
		for _, f := range row.Figures {
			cells[slices.Index(names, f.Name)] = human(f.Value, f.Unit)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", strings.TrimSpace(row.What), strings.Join(cells, " | "))
	}
	return b.String()
}

// remarks are the notes, and where the figures come from.
func (r *report) remarks() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n`%s`, %s, commit %s, median of %d, %.1f cores busy before; %s.\n", r.command(), r.Started.Format("2006-01-02 15:04"), r.Commit, r.Runs, r.Machine.Busy,
		r.Machine.Pace)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	return b.String()
}
