package engine

import (
	"slices"

	"github.com/weirhq/weir/usage"
)

// What is taken back must be evaluated as it was counted: by the meters of its place in the log. A meter's rule never changes,
// so that is a question of which meters there were.

// lifetime is when a meter counted: in blocks after From, before To. Both are blocks of configuration, which hold no events.
type lifetime struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to,omitempty"` // 0: it still does
}

// begun is the lives of a meter that is put by an entry; old is the meter as it was, or nil.
func begun(old *meter, index uint64) []lifetime {
	switch {
	case old == nil:
		return []lifetime{{From: index}}
	case old.archived:
		return append(slices.Clip(old.lives), lifetime{From: index})
	default:
		return old.lives
	}
}

// ended is the lives of a meter that is archived by an entry.
func ended(lives []lifetime, index uint64) []lifetime {
	lives = slices.Clone(lives)
	lives[len(lives)-1].To = index
	return lives
}

// livedAt tells whether the meter counted the events of a block.
func (m *meter) livedAt(index uint64) bool {
	return slices.ContainsFunc(m.lives, func(l lifetime) bool { return l.From < index && (l.To == 0 || index < l.To) })
}

// matchAt is matchOf as of a block of the log: the meters of a feature type first, then those of any.
func (c *config) matchAt(feature string, index uint64) *match {
	t := new(match)
	for _, m := range c.meters {
		if m.def.EventType == feature && m.livedAt(index) {
			t.meters = append(t.meters, m)
		}
	}
	if len(t.meters) == 0 {
		return nil
	}
	for _, m := range c.meters {
		if m.def.EventType == usage.AnyEventType && m.livedAt(index) {
			t.meters = append(t.meters, m)
		}
	}
	t.complete()
	return t
}

// judgePast evaluates an item that was counted, as it was then, into sh.contribs. It changes nothing; sh.contribs holds what the
// item added. The caller holds sh.mu and has completed the item.
func (sh *shard) judgePast(it *item, t *tenant, index uint64, nanos int64) *usage.Error {
	cfg := sh.state.cfg.Load()
	past := &block{index: index, nanos: nanos, seconds: floorDiv(nanos, 1e9), cfg: cfg}
	sh.contribs, sh.recalling = sh.contribs[:0], true
	defer func() { sh.recalling = false }()
	for _, sub := range it.parts() {
		if sub.cfg, sub.match = cfg, cfg.matchAt(sub.Feature, index); sub.match != nil {
			sub.values = sub.match.appendValues(nil, sub)
		}
		if err := sh.judgePart(past, sub, t); err != nil {
			return err
		}
	}
	return nil
}
