package usage

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyEvent draws from few values, so that equal payloads and near misses come up often.
func anyEvent() *rapid.Generator[Event] {
	words := rapid.SampledFrom([]string{"", "a", "b", "ab", "ba", "set", "\x01", "\x00"})
	return rapid.Custom(func(t *rapid.T) Event {
		e := Event{
			ID: words.Draw(t, "id"), Source: words.Draw(t, "source"), TenantID: words.Draw(t, "tenant"),
			UserID: words.Draw(t, "user"), FeatureType: words.Draw(t, "feature"), Op: words.Draw(t, "op"),
			Quantity: rapid.SampledFrom([]Decimal{{}, Int(0), Int(1), FromUnits(10, 1), FromUnits(1, 1)}).Draw(t, "quantity"),
		}
		at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
		e.Timestamp = rapid.SampledFrom([]time.Time{{}, at, at.In(time.FixedZone("x", 3600)), at.Add(1), at.Add(time.Second),
			time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)}).Draw(t, "time")
		if rapid.Bool().Draw(t, "metadata") {
			e.Metadata = []byte("{}")
		}
		return e
	})
}

// samePayload is the rule as SEMANTICS words it.
func samePayload(a, b *Event, hashA, hashB uint64) bool {
	return a.TenantID == b.TenantID && a.UserID == b.UserID && a.FeatureType == b.FeatureType && a.Op == b.Op &&
		a.Quantity.IsSet() == b.Quantity.IsSet() && a.Quantity.Cmp(b.Quantity) == 0 &&
		a.Timestamp.IsZero() == b.Timestamp.IsZero() && a.Timestamp.Equal(b.Timestamp) &&
		(a.Metadata == nil) == (b.Metadata == nil) && (a.Metadata == nil || hashA == hashB)
}

func TestPayloadIsEqualForTheSamePayload(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyEvent().Draw(t, "a"), anyEvent().Draw(t, "b")
		if rapid.Bool().Draw(t, "alike") { // differ in one field at most
			c := a
			switch rapid.IntRange(0, 6).Draw(t, "field") {
			case 0:
				c.TenantID = b.TenantID
			case 1:
				c.UserID = b.UserID
			case 2:
				c.FeatureType = b.FeatureType
			case 3:
				c.Op = b.Op
			case 4:
				c.Quantity = b.Quantity
			case 5:
				c.Timestamp = b.Timestamp
			case 6:
				c.Metadata, c.ID, c.Source = b.Metadata, b.ID, b.Source
			}
			b = c
		}
		hashes := rapid.SampledFrom([]uint64{0, 1, 1 << 56})
		hashA, hashB := hashes.Draw(t, "hash of a"), hashes.Draw(t, "hash of b")
		equal := bytes.Equal(a.AppendPayload(nil, hashA), b.AppendPayload(nil, hashB))
		if want := samePayload(&a, &b, hashA, hashB); equal != want {
			t.Fatalf("%+v and %+v: equal bytes %v, same payload %v", a, b, equal, want)
		}
	})
}

// The bytes are hashed and stored: they are the same in every version.
func TestPayloadNeverChanges(t *testing.T) {
	e := Event{
		ID: "ignored", Source: "ignored", TenantID: "acme", UserID: "u", FeatureType: "calls", Op: OpAdd,
		Quantity: FromUnits(-15, 1), Timestamp: time.Unix(1, 2).UTC(), Metadata: []byte("{}"),
	}
	const want = "1f" + "0461636d65" + "0563616c6c73" + "03616464" + "0175" +
		"f1ffffffffffffff" + "01" + "0100000000000000" + "02000000" + "0807060504030201"
	if got := hex.EncodeToString(e.AppendPayload(nil, 0x0102030405060708)); got != want {
		t.Errorf("payload %s, was %s", got, want)
	}
	e = Event{TenantID: "acme", FeatureType: "calls"}
	if got := hex.EncodeToString(e.AppendPayload([]byte{0xee}, 7)); got != "ee00"+"0461636d65"+"0563616c6c73" {
		t.Errorf("payload %s", got)
	}
}

func TestPayloadDoesNotAllocate(t *testing.T) {
	e := goodEvent()
	e.Timestamp = time.Unix(1, 2)
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { buf = e.AppendPayload(buf[:0], 7) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendPayload(b *testing.B) {
	e := goodEvent()
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendPayload(buf[:0], 7)
	}
}
