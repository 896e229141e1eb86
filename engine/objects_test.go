package engine

import (
	"bytes"
	"errors"
	"testing"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// The decoders of rows never panic on hostile bytes, and what they accept comes back.

func FuzzHoldRow(f *testing.F) {
	h := hold{state: holdOpen, charge: true, at: 5, expires: 9e9, quantity: usage.Int(7), id: "a", feature: "f", user: "u", parts: []holdPart{{1, 7}}}
	f.Add(h.appendRow(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		var h hold
		if err := h.decode(data); err != nil {
			if !errors.Is(err, wal.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		var again hold
		if err := again.decode(h.appendRow(nil)); err != nil || !bytes.Equal(again.appendRow(nil), h.appendRow(nil)) {
			t.Fatal("does not come back", err)
		}
	})
}

func FuzzLedgerRow(f *testing.F) {
	kindOf := func(meter uint32) (rollup.Kind, bool) { return rollup.Kind(meter%7 + 1), meter < 20 }
	c := &counter{quota: "q", meter: 7, period: "month", start: 1, end: 2, reserved: 3, limit: 4, rate: quota.BucketRate{Limit: 1, Per: 2, Burst: 3}}
	c.agg.Fold(rollup.KindSum, &rollup.Point{Value: 5})
	c.aheadOf(60e9).Fold(rollup.KindSum, &rollup.Point{Value: 6})
	c.sliding.Add(100, 5, 7)
	var page rollup.Page
	f.Add(c.append([]byte{ledgerRowVersion, 1}, rollup.KindSum, &page))
	f.Add([]byte{ledgerRowVersion, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var l ledger
		if err := l.decode(data, kindOf); err != nil {
			return
		}
		for _, c := range l.counters {
			kind, _ := kindOf(c.meter)
			var page rollup.Page
			row := c.append(nil, kind, &page)
			var again counter
			r := rowReader{src: row}
			if _, err := again.decode(&r, kindOf, &page); err != nil || !bytes.Equal(again.append(nil, kind, &page), row) {
				t.Fatal("does not come back", err)
			}
		}
	})
}
