package main

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// samplePage is reports as they come out of workloads.
func samplePage() page {
	made := func(name string, rows ...row) *report {
		return &report{Name: name, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Commit: "abc", Runs: 3, Rows: rows}
	}
	return page{
		"ingest": made("ingest",
			row{"1000 tenants x 4 meters, 5000000 events, batch 1000, 8 callers, 0 % duplicates", []figure{{"acknowledged", 1.5e6, "ev/s"}}},
			row{"1000 tenants x 4 meters, 500000 events, batch 1, 64 callers, 0 % duplicates", []figure{{"acknowledged", 2e5, "ev/s"}, {"call p50", 300e3, "ns"}, {"bare fsync p50", 150e3, "ns"}}}),
		"redis":      made("redis", row{"appendfsync always, 100 events", []figure{{"acknowledged", 1e5, "ev/s"}}}),
		"lease":      made("lease", row{"one lease, 1 goroutines", []figure{{"per Take", 31, "ns"}}}),
		"check-http": made("check-http", row{"POST /v1/check, 32 clients", []figure{{"checked", 79, "/s"}}}, row{"bare net/http handler, 32 clients", []figure{{"answered", 100, "/s"}}}),
		"limiters":   made("limiters", row{"weir <Consume>: durable", []figure{{"asked", 1e5, "/s"}}}, row{"a rival: in memory", []figure{{"asked", 1e7, "/s"}}}),
		"scale": made("scale",
			row{"by tenants: 10 tenants", []figure{{"tenants", 10, "count"}, {"acknowledged", 2e6, "ev/s"}, {"30 days by the hour", 1e5, "ns"}, {"resident, highest", 1e8, "B"}}},
			row{"by tenants: 1000000 tenants", []figure{{"tenants", 1e6, "count"}, {"acknowledged", 1e6, "ev/s"}, {"30 days by the hour", 3e5, "ns"}, {"resident, highest", 3e8, "B"}}},
			row{"by values: one point only", []figure{{"values", 1, "count"}, {"acknowledged", 1e6, "ev/s"}}}),
	}
}

func TestJudge(t *testing.T) {
	p := samplePage()
	for what, want := range map[string]judged{
		"embedded, 1,000 tenants x 4 meters, batches of 1,000": {goal: "at least 2.00 Mev/s", measured: "1.50 Mev/s", missed: true},
		"the same job as the Redis design, fsync always": {goal: "at least 10x Redis, fsync always", measured: "1.50 Mev/s",
			beside: "100.0 kev/s (Redis, fsync always), 15x", reached: true},
		"single durable events, 64 callers: p50": {goal: "at most 200 us above a bare fsync", measured: "300 us", beside: "150 us (a bare fsync)", reached: true},
		"`Lease.Take`, 1 goroutine":              {goal: "at most 30 ns", measured: "31 ns", missed: true},
		"HTTP check":                             {goal: "at least 0.8x a bare net/http handler", measured: "79 /s", beside: "100 /s (a bare net/http handler), 0.79x", missed: true},
	} {
		found := false
		for _, g := range goals {
			if g.what != what {
				continue
			}
			found = true
			if got, ok := p.judge(g); !ok || got != want {
				t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
			}
		}
		if !found {
			t.Errorf("there is no goal %q", what)
		}
	}
	if _, ok := p.judge(goal{measured: ref{"memory", `.`, "5 s later"}}); ok {
		t.Error("what was not measured was judged")
	}
}

// TestGoalsAreOfWorkloads: a goal of a workload that does not exist would be "not measured" for ever.
func TestGoalsAreOfWorkloads(t *testing.T) {
	for _, g := range goals {
		for _, x := range []ref{g.measured, g.against} {
			if x.workload == "" {
				continue
			}
			if _, err := choose([]string{x.workload}); err != nil {
				t.Errorf("%s: %v", g.what, err)
			}
		}
	}
}

// TestPageKeepsText: what is between the generated parts stays, and a second time changes nothing.
func TestPageKeepsText(t *testing.T) {
	docs := t.TempDir()
	name := filepath.Join(docs, "BENCHMARKS.md")
	if err := os.Mkdir(filepath.Join(docs, "bench"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "before\n"
	for _, part := range []string{"machine", "goals", "limiters", "scale", "workloads"} {
		text += "<!-- generated: " + part + " (make bench-report) -->\nold\n<!-- end of " + part + " -->\nafter " + part + "\n"
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p := samplePage()
	var last string
	for range 2 {
		if err := p.write(docs); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if last != "" && last != string(got) {
			t.Fatal("the second time changed the page")
		}
		last = string(got)
	}
	for _, want := range []string{"before\n<!-- gen", "after goals\n", "after workloads\n", "**missed**", "bench/scale-tenants-rate.svg", "commit abc"} {
		if !strings.Contains(last, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(last, "old\n") {
		t.Error("something generated was not replaced")
	}
	if err := os.WriteFile(name, []byte("no markers"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := p.write(docs); err == nil || !strings.Contains(err.Error(), "markers") {
		t.Errorf("a page without markers: %v", err)
	}
}

// TestPlotsAreSVG: whatever names and points there are, a plot is well-formed and within its frame.
func TestPlotsAreSVG(t *testing.T) {
	list := samplePage().plots()
	if len(list) < 5 {
		t.Fatalf("%d plots", len(list))
	}
	for _, p := range list {
		text := p.svg()
		if strings.Contains(string(text), "NaN") || strings.Contains(string(text), "Inf") {
			t.Errorf("%s has a number that is none:\n%s", p.file, text)
		}
		for d := xml.NewDecoder(strings.NewReader(string(text))); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v\n%s", p.file, err, text)
			}
		}
	}
}

// TestNewestReport: the newest whole report of a workload counts, and a trial with its own sizes does not.
func TestNewestReport(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, r := range []report{
		{Commit: "old"}, {Commit: "new"}, {Commit: "stopped", Notes: []string{"stopped: it broke"}}, {Commit: "trial", Args: []string{"-n=10"}},
	} {
		r.Name, r.Started = "ingest", at.Add(time.Duration(i)*time.Hour)
		text, err := json.Marshal(r)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, r.Commit+".json"), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for small, want := range map[bool]string{false: "new", true: "trial"} {
		p := make(page)
		if err := p.read(dir, small); err != nil {
			t.Fatal(err)
		}
		if p["ingest"].Commit != want {
			t.Errorf("small %t: took %s", small, p["ingest"].Commit)
		}
	}
}
