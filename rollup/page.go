package rollup

import "math/bits"

// Page is the buckets of one kind, level and page number: scratch to read a stored page, merge into
// it and write it back. Reuse one: after the first pages, those of kinds without members or entries
// cost no allocation. The zero Page must be given a kind and a level by [Page.Reset] or
// [Page.Decode]. A Page is not safe for concurrent use.
type Page struct {
	kind    Kind
	level   Level
	present [2]uint64 // bit i: slot i has events; slots without are garbage
	slots   []Agg     // slotsMax of them, or nil
}

// Reset makes the page an empty one of a kind and level. It panics when one of them is unknown.
func (p *Page) Reset(k Kind, l Level) {
	if !k.valid() || l >= levelCount {
		panic("BUG: rollup: page of an unknown kind or level")
	}
	if p.slots == nil {
		p.slots = make([]Agg, slotsMax)
	}
	if p.kind.heavy() {
		p.each(func(_ int, a *Agg) { *a = Agg{} }) // let go of the sets
	}
	p.kind, p.level = k, l
	p.present = [2]uint64{}
}

// Empty reports whether no slot has events.
func (p *Page) Empty() bool { return p.present[0]|p.present[1] == 0 }

// Slot returns the bucket of a slot, or nil when it has no events or is not in the page. It lives
// until the page is reset or decoded and must not be changed.
func (p *Page) Slot(slot int) *Agg {
	if slot < 0 || slot >= slotsMax || !p.has(slot) {
		return nil
	}
	return &p.slots[slot]
}

// MergeSlot adds a bucket to a slot (see [Agg.Merge]). It panics when the slot is not in the page,
// and for kind weighted when the page is coarser than minutes (see [Ladder.Rewrite]).
func (p *Page) MergeSlot(slot int, a *Agg) {
	p.checkSlot(slot)
	if p.kind == KindWeighted && p.level > Minute {
		panic("BUG: rollup: merge into a coarse page of kind weighted")
	}
	if a.Empty(p.kind) {
		return
	}
	if !p.has(slot) {
		p.slots[slot] = Agg{}
		p.set(slot)
	}
	p.slots[slot].Merge(p.kind, a)
	if p.slots[slot].Empty(p.kind) { // a correction took back all there was
		p.clear(slot)
	}
}

// ReplaceSlot puts a copy of a bucket in the place of what a slot holds; an empty one empties it.
// It panics when the slot is not in the page.
func (p *Page) ReplaceSlot(slot int, a *Agg) {
	p.checkSlot(slot)
	p.clear(slot)
	if !a.Empty(p.kind) {
		p.slots[slot] = a.clone()
		p.set(slot)
	}
}

func (p *Page) checkSlot(slot int) {
	if slot < 0 || slot >= p.level.Slots(p.kind) {
		panic("BUG: rollup: slot outside of its page")
	}
}

func (p *Page) clear(slot int) {
	p.slots[slot] = Agg{}
	p.present[slot>>6] &^= 1 << (slot & 63)
}

// MergeSlots adds buckets to their slots.
func (p *Page) MergeSlots(slots []Slot) {
	for i := range slots {
		p.MergeSlot(slots[i].Index, slots[i].Agg)
	}
}

func (p *Page) has(slot int) bool { return p.present[slot>>6]>>(slot&63)&1 != 0 }
func (p *Page) set(slot int)      { p.present[slot>>6] |= 1 << (slot & 63) }

// each calls fn for the slots with events, ascending.
func (p *Page) each(fn func(slot int, a *Agg)) {
	for w, word := range p.present {
		for ; word != 0; word &= word - 1 {
			slot := w<<6 + bits.TrailingZeros64(word)
			fn(slot, &p.slots[slot])
		}
	}
}
