package engine

import (
	"bytes"
	"testing"

	"github.com/weirhq/weir/rollup"
)

// The decoders of the other rows never panic on hostile bytes either, and what they accept comes back.

func FuzzCounterRow(f *testing.F) {
	var page rollup.Page
	for _, k := range []rollup.Kind{rollup.KindSum, rollup.KindUnique, rollup.KindLatest} {
		r := counterRow{monthStart: 1, touched: 2, absolute: 3, tuples: 4}
		r.month.Fold(k, &rollup.Point{Value: 5, Member: 6, ID: "a"})
		f.Add(uint8(k), r.append(nil, k, &page))
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		k := rollup.Kind(kind%7 + 1)
		var page rollup.Page
		var r, again counterRow
		if r.decode(k, data, &page) != nil {
			return
		}
		row := r.append(nil, k, &page)
		if err := again.decode(k, row, &page); err != nil || !bytes.Equal(again.append(nil, k, &page), row) {
			t.Fatal("does not come back", err)
		}
	})
}

func FuzzUsersRow(f *testing.F) {
	f.Add([]byte("\x05alice\x03bob\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		size := 0
		if eachUserName(data, func(name string) { size += len(name) + 1 }) == nil && size > len(data) {
			t.Fatalf("%d bytes of names in %d", size, len(data))
		}
	})
}

func FuzzConfigRow(f *testing.F) {
	f.Add([]byte(`{"version":3,"meters":[{"slug":"a","event_type":"a","aggregation":"sum","version":1}],"plans":[{"slug":"p","version":2,"versions":[{"index":2,` +
		`"created":5,"plan":{"slug":"p","quotas":[{"slug":"q","meter":"a","period":"month","limit":5}]}}]}],"quotas":["q"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeConfig(data)
		if err != nil {
			return
		}
		row := c.encode()
		again, err := decodeConfig(row)
		if err != nil || !bytes.Equal(again.encode(), row) {
			t.Fatalf("does not come back: %v\n%s", err, row)
		}
	})
}

func FuzzAccountRow(f *testing.F) {
	cfg, err := decodeConfig([]byte(`{"version":1,"meters":[],"plans":[{"slug":"p","version":1,"versions":[{"index":1,"created":1,"plan":{"slug":"p"}}]}]}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"tenant":{"id":"acme"},"made":true,"version":4,"plan":"p","number":1,"pending":{"plan":"p","number":1,"at":9},` +
		`"overrides":[{"override":{"tenant_id":"acme","quota":"q"},"version":3}],"holds":["00000000000000010000000000000002"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a := newAccount(&tenant{name: "acme"})
		open, err := a.decode(cfg, data)
		if err != nil {
			return
		}
		for _, hash := range open {
			a.holds[hash] = &hold{acct: a, hash: hash}
		}
		row := a.appendRow(nil)
		again := newAccount(&tenant{name: "acme"})
		found, err := again.decode(cfg, row)
		if err != nil || len(found) != len(a.holds) {
			t.Fatalf("does not come back: %v\n%s", err, row)
		}
	})
}

func FuzzSaved(f *testing.F) {
	f.Add((&saved{Gen: 3, Secret: 4, Tenants: 5, Events: 6}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		var sv, again saved
		if sv.decode(data) != nil {
			return
		}
		if err := again.decode(sv.encode()); err != nil || again != sv {
			t.Fatal("does not come back", err)
		}
	})
}
