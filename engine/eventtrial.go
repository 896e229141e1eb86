package engine

import (
	"context"
	"fmt"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// TryEvent answers what a meter, and every other one of the event's type, would count of an event that came now. Nothing
// changes, and the id is not looked at. An event that is not well formed is an error; one that would be refused is an answer that says why.
func (e *Engine) TryEvent(_ context.Context, slug string, ev usage.Event) (usage.EventTrial, error) {
	if e.closed.Load() {
		return usage.EventTrial{}, usage.ErrClosed
	}
	cfg := e.state.cfg.Load()
	m := cfg.bySlug[slug]
	if m == nil || m.archived {
		return usage.EventTrial{}, cfg.noMeter(usage.CodeNotFound, "", slug)
	}
	p := e.preparers.Get().(*preparer)
	defer e.preparers.Put(p)
	var items [1]item
	if _, err := p.event(&ev, &items[0], nil); err != nil {
		return usage.EventTrial{}, err
	}
	p.find(items[:])
	t := e.state.dir.tenant(ev.TenantID)
	if t == nil {
		t = e.state.dir.nobody(ev.TenantID, e.state.shards)
	}
	now := e.clock.now()
	sh := t.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.try(&items[0], t, m, now), nil
}

// try evaluates an item meter by meter. The caller holds shard.mu.
func (sh *shard) try(it *item, t *tenant, asked *meter, now int64) usage.EventTrial {
	b := &block{nanos: now, seconds: floorDiv(now, 1e9), cfg: sh.state.cfg.Load()}
	at := now
	if it.HasTime {
		at = it.TimeNanos
	}
	refusal := sh.judge(b, it, t, at) // of the event as a whole: one meter that refuses refuses it for all
	out := usage.EventTrial{Meters: []usage.MeterTrial{}}
	matched := false
	if m := b.cfg.matchOf(it.Feature); m != nil {
		values := m.appendValues(nil, it)
		for i, mt := range m.meters {
			c := contribution{meter: mt, series: t.seriesOf(mt), values: values, place: m.places[i]}
			tr := c.try(it, refusal)
			out.Meters = append(out.Meters, tr)
			if mt.num == asked.num {
				out.MeterTrial, matched = tr, true
			}
		}
	}
	switch {
	case matched:
	case refusal != nil && b.cfg.matchOf(it.Feature) == nil: // recording it would say this
		out.MeterTrial = notTried(asked, string(refusal.Code), refusal.Detail)
	default:
		out.MeterTrial = notTried(asked, "event_type", fmt.Sprintf("the meter counts %q, the event is %q", asked.def.EventType, it.Feature))
	}
	return out
}

func notTried(m *meter, reason, detail string) usage.MeterTrial {
	return usage.MeterTrial{Meter: m.def.Slug, Unit: m.def.Unit, Reason: &reason, Detail: &detail, Dimensions: map[string]*string{}}
}

// try is what one meter makes of an item. refusal is what refuses the event as a whole; nil: nothing.
func (c *contribution) try(it *item, refusal *usage.Error) usage.MeterTrial {
	m := c.meter
	tr := usage.MeterTrial{Meter: m.def.Slug, Unit: m.def.Unit, Dimensions: map[string]*string{}}
	for i, at := range c.place {
		tr.Dimensions[m.dims[i]] = c.values[at].shown()
	}
	user := dimValue{name: it.User}
	tr.Dimensions[usage.PropertyUserID] = user.shown()
	if m.filter != nil {
		tr.Filter = new(m.filter.admits(it))
		if !*tr.Filter {
			tr.Reason, tr.Detail = new("filter"), new("the filters of the meter exclude the event")
			return tr
		}
	}
	if own := c.evaluate(it); own != nil {
		refusal = own
	}
	switch {
	case refusal != nil:
		tr.Reason, tr.Detail = new(string(refusal.Code)), new(refusal.Detail)
	case m.kind == rollup.KindUnique && c.member == 0 && c.name == "":
		tr.Reason, tr.Detail = new("no_value"), new("the event has no "+m.def.UniqueProperty)
	case m.kind == rollup.KindUnique:
		tr.Counted, tr.Value, tr.Member = true, usage.Int(1), &c.name
		if c.name == "" {
			tr.Member = &it.User
		}
	default:
		tr.Counted, tr.Value = true, usage.FromUnits(c.value, m.unitScale())
	}
	return tr
}

// shown is the value in words; nil: none.
func (v *dimValue) shown() *string {
	switch {
	case v.num == rollup.TupleOther:
		return new(usage.OtherValue)
	case v.name == "":
		return nil
	}
	return new(cloneString(v.name))
}
