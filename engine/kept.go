package engine

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// What retention has let go of is state: an entry of the log moves the beginnings of the classes, and everything follows from
// them. Buckets that begin before are dropped by the next checkpoint and never written again; an event for one folds only into
// what is still kept. So the rows of any two stores with equal logs are the same, whenever their checkpoints came, and verification
// leaves out what is before a beginning instead of repeating who dropped what when.

// kept is from when on each class of data is there. Immutable; part of config. Beginnings are unix minutes, whole UTC days.
type kept struct {
	At          int64 `json:"at"`           // log time of the newest entry that moved one, unix nanoseconds; at first that of the genesis
	Minute      int64 `json:"minute"`       // of kinds whose events can be added and taken back one by one
	Rewritten   int64 `json:"rewritten"`    // minutes of the other kinds: a late event or a void makes their buckets anew from minutes
	QuarterHour int64 `json:"quarter_hour"` // but for tenants in Pinned
	Hour        int64 `json:"hour"`

	// Base is the block up to which raw events have expired: verification, explanations and questions about the past begin there.
	// BaseDigest is that of the state at it, in hex.
	Base       uint64 `json:"base,omitempty"`
	BaseDigest string `json:"base_digest,omitempty"`

	// Pinned are the tenants whose time zone or billing anchor needs finer buckets to find its days and months, ascending.
	Pinned []pinned `json:"pinned,omitempty"`
}

// pinned is the beginnings of one tenant.
type pinned struct {
	Tenant      uint32 `json:"tenant"`
	QuarterHour int64  `json:"quarter_hour"`
	Hour        int64  `json:"hour"`
}

// expiry is the part of a configEntry that moves beginnings. What is absent stays. The entry names them, so that what an old log
// says does not depend on how a newer program would have chosen.
type expiry struct {
	Minute      *int64 `json:"minute,omitempty"`
	Rewritten   *int64 `json:"rewritten,omitempty"`
	QuarterHour *int64 `json:"quarter_hour,omitempty"`
	Hour        *int64 `json:"hour,omitempty"`

	Base       uint64 `json:"base,omitempty"` // 0: stays
	BaseDigest string `json:"base_digest,omitempty"`
}

// nothingExpired is where everything begins in a new store, as of its genesis.
func nothingExpired(at int64) *kept {
	return &kept{At: at, Minute: rollup.MinuteMin, Rewritten: rollup.MinuteMin, QuarterHour: rollup.MinuteMin, Hour: rollup.MinuteMin}
}

// of returns what is kept of a tenant's series of a kind. The whole receiver may be nil: everything.
func (k *kept) of(tenant uint32, kind rollup.Kind) *rollup.Kept {
	if k == nil {
		return nil
	}
	minute := k.Minute
	if !kind.Additive() {
		minute = k.Rewritten
	}
	p := k.pin(tenant)
	return rollup.KeptFrom(minute, p.QuarterHour, p.Hour)
}

// archived is the block up to which raw events have expired; 0: none have.
func (k *kept) archived() uint64 {
	if k == nil {
		return 0
	}
	return k.Base
}

// pin returns the beginnings of a tenant's quarter hours and hours.
func (k *kept) pin(tenant uint32) pinned {
	i, found := slices.BinarySearchFunc(k.Pinned, tenant, func(p pinned, num uint32) int { return cmp.Compare(p.Tenant, num) })
	if found {
		return k.Pinned[i]
	}
	return pinned{tenant, k.QuarterHour, k.Hour}
}

// refuses tells whether an event of a meter comes too late to be counted in it: its minutes have expired, and the kind cannot
// do without.
func (k *kept) refuses(m *meter, nanos int64) *usage.Error {
	if k == nil || m.kind != rollup.KindWeighted || floorMinute(nanos) >= k.Rewritten {
		return nil
	}
	return &usage.Error{Code: usage.CodeEventTooOld, Pointer: "/timestamp", Detail: fmt.Sprintf(
		"meter %s is a weighted_sum, which needs its minutes, and these are kept since %s; keep minutes longer (settings, retention.minute) to backfill",
		m.def.Slug, minuteTime(k.Rewritten).Format(time.RFC3339))}
}

// sinceMinute is the beginning of a class; nil: it has none, everything is kept.
func sinceMinute(minute int64) *time.Time {
	if minute <= rollup.MinuteMin {
		return nil
	}
	return new(minuteTime(minute))
}

func minuteTime(minute int64) time.Time { return time.Unix(minute*60, 0).UTC() }

// applyExpire moves the beginnings of classes. They never move back, nor beyond log time.
func (s *state) applyExpire(b *block, cfg *config, e *configEntry) (Result, error) {
	if e.Expiry == nil {
		return Result{}, fmt.Errorf("entry %s without a body", e.Op)
	}
	old := cfg.kept
	if old == nil {
		old = nothingExpired(b.nanos)
	}
	next, now := *old, floorMinute(b.nanos)
	for _, c := range []struct {
		to   *int64
		from *int64
	}{{&next.Minute, e.Expiry.Minute}, {&next.Rewritten, e.Expiry.Rewritten}, {&next.QuarterHour, e.Expiry.QuarterHour}, {&next.Hour, e.Expiry.Hour}} {
		switch {
		case c.from == nil:
		case *c.from > now:
			return refused(usage.CodeInvalidValue, "expiry is in the future"), nil
		default:
			*c.to = max(*c.to, rollup.DayStart(*c.from))
		}
	}
	if base := e.Expiry.Base; base != 0 {
		if base <= next.Base || base >= b.index {
			return refused(usage.CodeInvalidValue, fmt.Sprintf("raw events cannot expire up to block %d now", base)), nil
		}
		next.Base, next.BaseDigest = base, e.Expiry.BaseDigest
	}
	next.At = b.nanos
	next.Pinned = s.pinnedNow(old, &next)
	s.publishKept(b.index, cfg, &next)
	s.audit(b, e, "retention", "", old.summary(), next.summary())
	return Result{verdict: configChanged}, nil
}

// pinnedSince is when a zone's offsets begin to matter: no usage is older.
const pinnedSince = 946_684_800 // 2000-01-01

// pinnedNow computes which tenants keep more than next says, old being what they have.
func (s *state) pinnedNow(old, next *kept) []pinned {
	var out []pinned
	now := floorDiv(next.At, 1e9)
	for _, t := range s.dir.all() {
		a := t.account.Load()
		p := old.pin(t.num)
		if a == nil || a.wholeFrom(pinnedSince, 3600, now) {
			p.QuarterHour = max(p.QuarterHour, next.QuarterHour)
		}
		if a == nil || a.wholeFrom(pinnedSince, 86_400, now) {
			p.Hour = max(p.Hour, next.Hour)
		}
		if p.QuarterHour != next.QuarterHour || p.Hour != next.Hour {
			out = append(out, p)
		}
	}
	return out
}

// publishKept makes k part of the configuration from the next block on, and keeps the digest in step.
func (s *state) publishKept(index uint64, cfg *config, k *kept) {
	key := []byte("retention")
	if cfg.kept != nil {
		s.cfgSum.sub(rowHash(key, mustJSON(cfg.kept)))
	}
	s.cfgSum.add(rowHash(key, mustJSON(k)))
	n := cfg.next(index)
	n.kept = k
	s.cfg.Store(n)
}

// summary is k for the audit.
func (k *kept) summary() any {
	return struct {
		Minute      *time.Time `json:"minute"`
		Rewritten   *time.Time `json:"rewritten"`
		QuarterHour *time.Time `json:"quarter_hour"`
		Hour        *time.Time `json:"hour"`
		Pinned      int        `json:"pinned"`
		Base        uint64     `json:"base"`
		BaseDigest  string     `json:"base_digest"`
	}{sinceMinute(k.Minute), sinceMinute(k.Rewritten), sinceMinute(k.QuarterHour), sinceMinute(k.Hour), len(k.Pinned), k.Base, k.BaseDigest}
}
