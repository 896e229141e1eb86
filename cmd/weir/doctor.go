package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

func (m *Main) doctorCommand() *cobra.Command {
	var f resourceFlags
	cmd := &cobra.Command{
		Use:   "doctor [--data DIR]",
		Short: "Look whether everything is well, and what the data takes",
		Long: "Look at a data directory (--data DIR), its disk and this machine's limits, and at the store in it: opened when no server has it open,\n" +
			"else through the server. Without --data only the server is asked.\n" +
			"Exit code 0: nothing is wrong, though there may be warnings; 1: something is.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return m.doctor(cmd.Context(), &f) },
	}
	f.register(cmd)
	return cmd
}

// finding is one thing that was looked at.
type finding struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, warn, fail
	Detail string `json:"detail"`
}

// diagnosis is what the doctor says.
type diagnosis struct {
	Findings []finding            `json:"findings"`
	Storage  []usage.StorageClass `json:"storage"`
	Stats    *usage.Stats         `json:"stats"`
}

func (d *diagnosis) add(name, status, format string, args ...any) {
	d.Findings = append(d.Findings, finding{name, status, fmt.Sprintf(format, args...)})
}

// check adds a finding that is fine unless err says otherwise.
func (d *diagnosis) check(name string, err error, fine string, args ...any) bool {
	if err != nil {
		d.add(name, "fail", "%v", err)
		return false
	}
	d.add(name, "ok", fine, args...)
	return true
}

func (m *Main) doctor(ctx context.Context, f *resourceFlags) error {
	asTable, err := m.wantTable(f.output, "json", "table")
	if err != nil {
		return err
	}
	d := &diagnosis{Findings: []finding{}, Storage: []usage.StorageClass{}}
	checkLimits(d)
	opened := false
	if f.data != "" {
		opened = m.examine(ctx, d, f.data)
	}
	if !opened && !slices.ContainsFunc(d.Findings, func(x finding) bool { return x.Status == "fail" }) {
		m.askServer(ctx, d, &f.clientFlags)
	}
	if asTable {
		err = d.table(m.stdout)
	} else {
		out := json.NewEncoder(m.stdout)
		out.SetIndent("", "  ")
		err = out.Encode(d)
	}
	if err == nil && slices.ContainsFunc(d.Findings, func(x finding) bool { return x.Status == "fail" }) {
		return errors.New("something is wrong: see above")
	}
	return err
}

// examine looks at a directory, and reports whether the store in it was opened: not so when a server has it open.
func (m *Main) examine(ctx context.Context, d *diagnosis, dir string) (opened bool) {
	info, err := os.Stat(dir)
	if !d.check("directory", err, "%s", dir) {
		return false
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		d.add("permissions", "warn", "%s has mode %o: every user of this machine may read it; chmod 700 %s", dir, mode, dir)
	} else {
		d.add("permissions", "ok", "mode %o", mode)
	}
	store, err := wal.ReadInfo(dir)
	if !d.check("format", err, "store version %d, oldest reader %d, Pebble format %d", store.Version, store.OldestReader, store.PebbleFormat) {
		return false
	}
	measureSync(d, dir)
	begin := time.Now()
	eng, err := engine.Open(dir, nil)
	if errors.Is(err, wal.ErrLocked) {
		d.add("open", "ok", "a server has it open")
		return false
	}
	if !d.check("open", err, "opened in %s", time.Since(begin).Round(time.Millisecond)) {
		return true
	}
	d.judge(eng.Stats(), eng.Health())
	d.Storage, err = eng.Storage(ctx, true)
	if err != nil {
		d.add("storage", "fail", "%v", err)
	}
	if err := eng.Close(); err != nil {
		d.add("close", "fail", "%v", err)
	}
	return true
}

// askServer takes the figures from the server.
func (m *Main) askServer(ctx context.Context, d *diagnosis, f *clientFlags) {
	c, err := f.open()
	var answer []byte
	if err == nil {
		answer, err = c.do(ctx, http.MethodGet, "/v1/system", "", nil)
	}
	var body struct {
		Stats   usage.Stats          `json:"stats"`
		Storage []usage.StorageClass `json:"storage"`
		Checks  []usage.HealthCheck  `json:"checks"`
	}
	if err == nil {
		err = json.Unmarshal(answer, &body)
	}
	if !d.check("server", err, "%s answers", f.server) {
		return
	}
	d.Storage = body.Storage
	d.judge(body.Stats, body.Checks)
}

const (
	// tailBlocksMax is how far the newest checkpoint may lie behind: an Open folds that again, at some hundred blocks of a full
	// load a second, or many thousand small ones.
	tailBlocksMax = 1 << 20
	// dedupRunsMax is where every new id begins to cost more than its fold; merges keep runs below.
	dedupRunsMax = 16
	// freeRatioMin is the part of what the data takes that should be free for it to grow and to be merged.
	freeRatioMin = 4
	// openFilesMin is what both key-value stores may open, with room for a thousand connections.
	openFilesMin = 2048
	// syncSlow is a sync that makes every write wait noticeably.
	syncSlow = 20 * time.Millisecond
)

// judge adds what the engine says of itself.
func (d *diagnosis) judge(s usage.Stats, checks []usage.HealthCheck) {
	d.Stats = &s
	for _, c := range checks {
		if c.OK {
			d.add(c.Name, "ok", "%s", c.Detail)
		} else {
			d.add(c.Name, "fail", "%s", c.Detail)
		}
	}
	grade := func(fine bool) string {
		if fine {
			return "ok"
		}
		return "warn"
	}
	if s.DiskFreeBytes < 1<<62 { // else the file system cannot tell
		d.add("free space", grade(s.DiskFreeBytes > s.DiskBytes/freeRatioMin), "%s free, %s used by the store", size(s.DiskFreeBytes), size(s.DiskBytes))
	}
	tail := s.AppliedIndex - min(s.AppliedIndex, s.CheckpointIndex)
	d.add("checkpoint", grade(tail < tailBlocksMax), "at index %d, %d blocks behind", s.CheckpointIndex, tail)
	d.add("dedup", grade(s.DedupRuns <= dedupRunsMax), "%d runs, %s of memory", s.DedupRuns, size(s.DedupBytes))
	if s.Events > 0 {
		d.add("events", "ok", "%d events of %d tenants, %d bytes an event", s.Events, s.Tenants, uint64(s.DiskBytes)/s.Events)
	}
}

// measureSync writes and syncs a small file some times.
func measureSync(d *diagnosis, dir string) {
	f, err := os.CreateTemp(dir, "doctor-*.tmp")
	if err != nil {
		d.add("write", "fail", "%v", err)
		return
	}
	defer os.Remove(f.Name())
	defer f.Close()
	const rounds = 32
	took := make([]time.Duration, 0, rounds)
	for range rounds {
		begin := time.Now()
		_, err := f.Write(make([]byte, 4096))
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			d.add("sync", "fail", "%s: %v", filepath.Base(f.Name()), err)
			return
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	median, slowest := took[rounds/2], took[rounds-1]
	status := "ok"
	if median > syncSlow {
		status = "warn"
	}
	d.add("sync", status, "median %s, slowest %s of %d", median.Round(time.Microsecond), slowest.Round(time.Microsecond), rounds)
}

// size is a number of bytes for people.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	for i := 0; ; i++ {
		if n < 10<<10 || i == len(units)-1 {
			return fmt.Sprintf("%d %s", n, units[i])
		}
		n >>= 10
	}
}

func (d *diagnosis) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, x := range d.Findings {
		fmt.Fprintf(t, "%s\t%s\t%s\n", x.Status, x.Name, x.Detail)
	}
	if len(d.Storage) > 0 {
		fmt.Fprint(t, "\nCLASS\tKEPT\tSINCE\tSIZE\n")
	}
	for _, c := range d.Storage {
		since, bytes := "the beginning", "-"
		if c.Since != nil {
			since = c.Since.Format("2006-01-02")
		}
		if c.Bytes != nil {
			bytes = size(*c.Bytes)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.Class, c.Keep, since, bytes)
	}
	return t.Flush()
}
