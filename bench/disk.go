package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirhq/weir/engine"
)

// runDisk records events with UUIDv4 ids and varied metadata, closes the store, and counts every
// file in its directory, whatever it is for.
func runDisk(ctx context.Context, o *options, r *report) error {
	events := fillEvents
	if o.events > 0 {
		events = o.events
	}
	r.Runs = 1 // the bytes hardly depend on timing
	for _, tenants := range []int{1_000, fillTenants} {
		if err := diskOnce(ctx, o, r, events, tenants); err != nil {
			return err
		}
	}
	return nil
}

func diskOnce(ctx context.Context, o *options, r *report, events, tenants int) error {
	return inStore(o, func(dir string) error {
		e, err := engine.Open(dir, nil)
		if err != nil {
			return err
		}
		src := newSource(tenants, 0)
		s, err := record(ctx, e, src, load{events, 1000, 8, 0})
		if err == nil {
			err = verify(e, src, s)
		}
		logBytes := e.Stats().LogBytes
		if err := errors.Join(err, e.Close()); err != nil {
			return err
		}
		n := float64(s.counted)
		name := fmt.Sprintf("%d events, %d tenants", events, tenants)
		if err := addUsage(r, name+", closed", dir, n, logBytes); err != nil {
			return err
		}
		// The old files of the write-ahead log, kept to be used again, go when the store opens the next time.
		if e, err = engine.Open(dir, nil); err == nil {
			err = e.Close()
		}
		if err != nil {
			return err
		}
		return addUsage(r, name+", opened and closed again", dir, n, logBytes)
	})
}

// addUsage reports what every part of dir takes, for each of n events.
func addUsage(r *report, name, dir string, n float64, logBytes int64) error {
	total, parts, err := usageOf(dir)
	if err != nil {
		return err
	}
	r.add(name, figure{"on disk", float64(total.allocated) / n, "B/event"},
		figure{"length of files", float64(total.length) / n, "B/event"},
		figure{"encoded blocks", float64(logBytes) / n, "B/event"})
	for _, p := range parts {
		if p.size.allocated > 1<<20 {
			r.add("  "+p.name, figure{"on disk", float64(p.size.allocated), "B"},
				figure{"of it", float64(p.size.allocated) / n, "B/event"})
		}
	}
	return nil
}

// size is what files take: their lengths, and the blocks given to them (as du counts).
type size struct{ length, allocated int64 }

// part is one entry of the store's top directory.
type part struct {
	name string
	size size
}

// usageOf adds up dir, and its top-level entries from large to small.
func usageOf(dir string) (total size, parts []part, err error) {
	byName := map[string]size{}
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s := size{allocated: allocatedBytes(info)}
		if info.Mode().IsRegular() {
			s.length = info.Size()
		}
		total = size{total.length + s.length, total.allocated + s.allocated}
		rel, err := filepath.Rel(dir, name)
		if err != nil || rel == "." {
			return err
		}
		top, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		was := byName[top]
		byName[top] = size{was.length + s.length, was.allocated + s.allocated}
		return nil
	})
	for name, s := range byName {
		parts = append(parts, part{name, s})
	}
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(b.size.allocated, a.size.allocated), cmp.Compare(a.name, b.name))
	})
	return total, parts, err
}
