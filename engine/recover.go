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
	if err := s.loadAccounts(view, meta.LogTimeNanos); err != nil {
		return err
	}
	s.audits.mu.first, s.outbox.mu.first = sv.Audits+1, sv.Crossings+1
	if err := s.loadAuditHead(view, sv.Audits); err != nil {
		return err
	}
	if n := len(s.dir.all()); n != sv.Tenants {
		return fmt.Errorf("%w: checkpoint has %d tenants, %d are there", wal.ErrCorrupt, sv.Tenants, n)
	}
	s.cfgSum = sumOf(sv.Config)
	s.shards[0].idSum, s.shards[0].userSum = sumOf(sv.IDs), sumOf(sv.Users) // parts add up; where does not matter
	s.ckpt.saved, s.ckpt.gen, s.ckpt.index = sv, sv.Gen+1, meta.Index
	s.ckpt.kept = s.cfg.Load().kept
	for _, sh := range s.shards {
		sh.gen = sv.Gen + 1
		sh.ids.base, sh.notes.base = meta.Index+1, meta.Index+1
		sh.totals.gen = sh.gen
	}
	s.facts.first = meta.Index + 1
	s.ckpt.events = sv.Events
	s.stand(meta.Index, meta.LogTimeNanos)
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

// loadAccounts brings back accounts, ledgers and the holds that are open, as of a log time.
func (s *state) loadAccounts(view *wal.View, now int64) error {
	cfg := s.cfg.Load()
	open := make(map[*account][]wal.Hash)
	lower, upper := wal.ClassBounds(wal.ClassAccount)
	err := view.Scan(lower, upper, func(key, value []byte) error {
		num, err := wal.ParseAccountKey(key)
		if err != nil {
			return err
		}
		t := s.dir.number(num)
		if t == nil {
			return fmt.Errorf("%w: account of unknown tenant %d", wal.ErrCorrupt, num)
		}
		a := newAccount(t)
		hashes, err := a.decode(cfg, value)
		if err != nil {
			return err
		}
		if a.book, err = a.bookAt(cfg, now); err != nil {
			return err
		}
		if len(hashes) > 0 {
			open[a] = hashes
		}
		t.listed.Store(a.listed)
		t.account.Store(a)
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.loadLedgers(view); err != nil {
		return err
	}
	for a, hashes := range open { // order-free: each account by itself
		for _, hash := range hashes {
			h := &hold{acct: a, hash: hash}
			found, err := view.Get(wal.AppendHoldKey(nil, a.tenant.num, hash), h.decode)
			if err == nil && !found {
				err = fmt.Errorf("%w: a hold of tenant %q is missing", wal.ErrCorrupt, a.tenant.name)
			}
			if err != nil {
				return err
			}
			a.holds[hash] = h
			a.tenant.shard.schedule(deadline{nanos: h.expires, tenant: a.tenant, hold: hash})
		}
	}
	for _, t := range s.dir.all() {
		if a := t.account.Load(); a != nil {
			if a.ledger == nil {
				return fmt.Errorf("%w: tenant %q has an account and no ledger", wal.ErrCorrupt, t.name)
			}
			a.schedule(t.shard, now)
		}
	}
	return nil
}

func (s *state) loadLedgers(view *wal.View) error {
	meters := s.cfg.Load().meters
	kindOf := func(num uint32) (rollup.Kind, bool) {
		if num == 0 || int(num) > len(meters) {
			return 0, false
		}
		return meters[num-1].kind, true
	}
	lower, upper := wal.ClassBounds(wal.ClassLedger)
	return view.Scan(lower, upper, func(key, value []byte) error {
		num, user, err := wal.ParseLedgerKey(key)
		if err != nil {
			return err
		}
		var a *account
		if t := s.dir.number(num); t != nil {
			a = t.account.Load()
		}
		if a == nil {
			return fmt.Errorf("%w: ledger of tenant %d, which has no account", wal.ErrCorrupt, num)
		}
		l := &ledger{acct: a, user: user}
		if err := l.decode(value, kindOf); err != nil {
			return err
		}
		if user == 0 {
			a.ledger = l
		} else {
			a.users[user] = l
		}
		return l.restore(a.book)
	})
}

// restore sets the counter to its stored form.
func (s *series) restore(row *counterRow) {
	s.absolute, s.tuples, s.month, s.touched = row.absolute, row.tuples, row.month, row.touched
	s.value.Store(counterValue(s.meter.kind, &s.month))
	if !row.next.Empty(s.meter.kind) {
		next := row.next
		s.next = &next
		s.nextValue.Store(counterValue(s.meter.kind, s.next))
	}
	s.monthStart.Store(row.monthStart)
}
