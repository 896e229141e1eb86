package engine

import (
	"fmt"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/wal"
)

// load brings back the state that the newest checkpoint holds. The log is folded from there by
// CommitLog.Start. Only counters, names and filters come into memory; pages and ids stay in the store.
func (s *state) load() error {
	meta, ok := s.store.Meta()
	if !ok {
		return nil
	}
	var sv saved
	if err := sv.decode(meta.Extra); err != nil {
		return err
	}
	s.secret, s.dir.secret = sv.Secret, sv.Secret
	view := s.store.View()
	defer view.Close()
	if err := s.loadConfig(view); err != nil {
		return err
	}
	if err := s.loadTenants(view); err != nil {
		return err
	}
	if err := s.loadCounters(view); err != nil {
		return err
	}
	if n := len(s.dir.all()); n != sv.Tenants {
		return fmt.Errorf("%w: checkpoint has %d tenants, %d are there", wal.ErrCorrupt, sv.Tenants, n)
	}
	s.cfgSum = sumOf(sv.Config)
	s.shards[0].idSum, s.shards[0].userSum = sumOf(sv.IDs), sumOf(sv.Users) // parts add up; where does not matter
	s.ckpt.saved, s.ckpt.gen, s.ckpt.index = sv, sv.Gen+1, meta.Index
	for _, sh := range s.shards {
		sh.gen = sv.Gen + 1
		sh.ids.base = meta.Index + 1
	}
	s.ckpt.events = sv.Events
	s.applied.Store(meta.Index)
	s.appliedTime.Store(meta.LogTimeNanos)
	return nil
}

func (s *state) loadConfig(view *wal.View) error {
	_, err := view.Get(wal.AppendConfigKey(nil, configRow), func(value []byte) error {
		c, err := decodeConfig(value)
		if err == nil {
			s.cfg.Store(c)
		}
		return err
	})
	return err
}

func (s *state) loadTenants(view *wal.View) error {
	lower, upper := wal.ClassBounds(wal.ClassTenant)
	err := view.Scan(lower, upper, func(key, value []byte) error {
		num, err := wal.ParseTenantKey(key)
		if err != nil {
			return err
		}
		if t := s.dir.addTenant(string(value), s.shards); t.num != num {
			return fmt.Errorf("%w: tenant %d is missing", wal.ErrCorrupt, t.num)
		}
		return nil
	})
	if err != nil {
		return err
	}
	lower, upper = wal.ClassBounds(wal.ClassUsers)
	return view.Scan(lower, upper, func(key, value []byte) error {
		num, first, err := wal.ParseUsersKey(key)
		if err != nil {
			return err
		}
		t := s.dir.number(num)
		if t == nil || first != t.users+1 {
			return fmt.Errorf("%w: users of tenant %d are not whole at %d", wal.ErrCorrupt, num, first)
		}
		return eachUserName(value, func(name string) {
			s.dir.addUser(t, name)
		})
	})
}

func (s *state) loadCounters(view *wal.View) error {
	meters := s.cfg.Load().meters
	lower, upper := wal.ClassBounds(wal.ClassSeries)
	var page rollup.Page
	return view.Scan(lower, upper, func(key, value []byte) error {
		tenantNum, meterNum, err := wal.ParseSeriesKey(key)
		if err != nil {
			return err
		}
		t := s.dir.number(tenantNum)
		if t == nil || meterNum == 0 || int(meterNum) > len(meters) {
			return fmt.Errorf("%w: counter of unknown tenant %d or meter %d", wal.ErrCorrupt, tenantNum, meterNum)
		}
		m := meters[meterNum-1]
		var row counterRow
		if err := row.decode(m.kind, value, &page); err != nil {
			return fmt.Errorf("counter of tenant %q, meter %s: %w", t.name, m.def.Slug, err)
		}
		t.listed.Store(true)
		t.addSeries(m).restore(&row)
		return nil
	})
}

// restore sets the counter to its stored form.
func (s *series) restore(row *counterRow) {
	s.absolute, s.month = row.absolute, row.month
	s.value.Store(counterValue(s.meter.kind, &s.month))
	if row.next.Count > 0 {
		next := row.next
		s.next = &next
		s.nextValue.Store(counterValue(s.meter.kind, s.next))
	}
	s.monthStart.Store(row.monthStart)
}
