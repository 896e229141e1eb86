package engine

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/usage"
)

// Time zones enter the log as tables of their changes of offset, so that apply computes the edges of periods in integers and two
// machines with different time zone databases agree.

// learnZone enters the table of a zone that the entry brings along, at its first use. From then on every period in it is
// computed from the log alone.
func (s *state) learnZone(b *block, z *zoneEntry) error {
	if z == nil {
		return nil
	}
	cfg := s.cfg.Load()
	if cfg.zones[z.Name] != nil {
		return nil
	}
	table, err := civil.DecodeTable(z.Table)
	if err != nil {
		return fmt.Errorf("zone %q: %w", z.Name, err)
	}
	s.cfgSum.add(rowHash([]byte("zone/"+z.Name), z.Table))
	s.cfg.Store(cfg.withZone(b.index, z.Name, table))
	return nil
}

// applyZonePut replaces the table of a zone. Periods that are open keep their end; those after it follow the new table.
func (s *state) applyZonePut(b *block, cfg *config, e *configEntry) (Result, error) {
	old := cfg.zones[e.Zone.Name]
	if old == nil || bytes.Equal(old.AppendTo(nil), e.Zone.Table) {
		return Result{verdict: configIdentical}, nil
	}
	table, err := civil.DecodeTable(e.Zone.Table)
	if err != nil {
		return Result{}, fmt.Errorf("zone %q: %w", e.Zone.Name, err)
	}
	key := []byte("zone/" + e.Zone.Name)
	s.cfgSum.sub(rowHash(key, old.AppendTo(nil)))
	s.cfgSum.add(rowHash(key, e.Zone.Table))
	next := cfg.withZone(b.index, e.Zone.Name, table)
	s.cfg.Store(next)
	for _, t := range s.dir.all() {
		err := s.inShard(t, func(*shard) error {
			if a := t.account.Load(); a != nil && a.inZone(e.Zone.Name) {
				return a.setCalendar(next, a.earlier)
			}
			return nil
		})
		if err != nil {
			return Result{}, err
		}
	}
	s.audit(b, e, "zone", e.Zone.Name, nil, nil)
	return Result{verdict: configChanged}, nil
}

// zoneEntry reads the table of a zone that the log does not know yet; nil when it does.
func (e *Engine) zoneEntry(name string) (*zoneEntry, error) {
	if name == "" || name == "UTC" || e.state.cfg.Load().zones[name] != nil {
		return nil, nil
	}
	table, err := e.opts.zoneTable(name)
	if err != nil {
		return nil, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/time_zone",
			Detail: fmt.Sprintf("%s is no IANA time zone, such as Europe/Berlin", shorten(name))}
	}
	return &zoneEntry{name, table.AppendTo(nil)}, nil
}

// refreshZones enters the tables of zones that the database of this program knows differently from the log: a country has changed
// its rules. It returns the first error; the tables of the log go on holding then.
func (e *Engine) refreshZones(ctx context.Context) error {
	zones := e.state.cfg.Load().zones
	for _, name := range slices.Sorted(maps.Keys(zones)) {
		table, err := e.opts.zoneTable(name)
		if err != nil {
			continue // the database has dropped it: what the log knows stays
		}
		now := table.AppendTo(nil)
		if bytes.Equal(now, zones[name].AppendTo(nil)) {
			continue
		}
		if _, err := e.submitConfig(ctx, &configEntry{Op: opZonePut, Actor: "weir", Zone: &zoneEntry{name, now}}); err != nil {
			return fmt.Errorf("enter the changed rules of time zone %s: %w", name, err)
		}
	}
	return nil
}
