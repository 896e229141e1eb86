package usage

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var (
	someTexts    = rapid.SampledFrom([]string{"", "a", "b", "ab", "\x00", "\x01"})
	someNumbers  = rapid.SampledFrom([]Decimal{{}, Int(0), Int(1), FromUnits(10, 1), FromUnits(1, 1)})
	someMetadata = rapid.SampledFrom([]string{"", "{}", `{"a":1}`})
	someTTLs     = rapid.SampledFrom([]int{0, 1, 300, 86_400})
	someTimes    = rapid.SampledFrom([]time.Time{{}, time.Unix(1, 2).UTC(), time.Unix(1, 2).In(time.FixedZone("x", 3600)), time.Unix(1, 3)})
)

// metaOf stands for the hash of metadata.
func metaOf(text []byte) uint64 { return uint64(len(text)) * 1_000_003 }

// anyOperation draws an operation. Its words are what makes two of them the same, in a form of which every part is
// delimited, and its payload the bytes under test.
func anyOperation(t *rapid.T) (words string, payload []byte) {
	draw := func(label string) string { return someTexts.Draw(t, label) }
	number := func(d Decimal) string { return fmt.Sprintf("%v %s", d.IsSet(), d) }
	moment := func(at time.Time) string { return fmt.Sprintf("%v %d", at.IsZero(), at.UnixNano()) }
	switch rapid.IntRange(0, 6).Draw(t, "operation") {
	case 0:
		r := Request{ID: draw("id"), TenantID: draw("tenant"), UserID: draw("user")}
		var hashes []uint64
		words = fmt.Sprintf("consume %q %q", r.TenantID, r.UserID)
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			it := Item{draw("feature"), someNumbers.Draw(t, "quantity"), draw("op"), []byte(someMetadata.Draw(t, "metadata"))}
			r.Items, hashes = append(r.Items, it), append(hashes, metaOf(it.Metadata))
			words += fmt.Sprintf(" [%q %s %q %q]", it.FeatureType, number(it.Quantity), it.Op, it.Metadata)
		}
		return words, r.AppendPayload(nil, hashes)
	case 1:
		r := Reservation{draw("id"), draw("tenant"), draw("user"), draw("feature"), someNumbers.Draw(t, "quantity"), someTTLs.Draw(t, "ttl"), draw("expiry")}
		return fmt.Sprintf("reserve %q %q %q %s %d %q", r.TenantID, r.UserID, r.FeatureType, number(r.Quantity), r.TTLSeconds, r.OnExpiry), r.AppendPayload(nil)
	case 2:
		r := LeaseRequest{draw("id"), draw("tenant"), draw("feature"), someNumbers.Draw(t, "quantity"), someTTLs.Draw(t, "ttl"), draw("expiry")}
		return fmt.Sprintf("lease %q %q %s %d %q", r.TenantID, r.FeatureType, number(r.Quantity), r.TTLSeconds, r.OnExpiry), r.AppendPayload(nil)
	case 3:
		a := Adjustment{draw("id"), draw("tenant"), draw("meter"), someNumbers.Draw(t, "quantity"), someTimes.Draw(t, "time"), draw("user"),
			[]byte(someMetadata.Draw(t, "metadata")), draw("reason")}
		return fmt.Sprintf("adjust %q %q %s %s %q %q %q", a.TenantID, a.Meter, number(a.Quantity), moment(a.Timestamp), a.UserID, a.Metadata, a.Reason),
			a.AppendPayload(nil, metaOf(a.Metadata))
	case 4:
		r := Reset{draw("id"), draw("tenant"), draw("quota"), draw("user"), draw("reason")}
		return fmt.Sprintf("reset %q %q %q %q", r.TenantID, r.Quota, r.UserID, r.Reason), r.AppendPayload(nil)
	case 5:
		v := Void{draw("tenant"), draw("source"), draw("id"), draw("reason")}
		return fmt.Sprintf("void %q %q %q", v.TenantID, v.Source, v.ID), v.AppendPayload(nil)
	default:
		e := anyEvent().Draw(t, "event")
		return fmt.Sprintf("event %q %q %q %s %s %q %v", e.TenantID, e.UserID, e.FeatureType, number(e.Quantity), moment(e.Timestamp), e.Op, e.Metadata == nil),
			e.AppendPayload(nil, metaOf(e.Metadata))
	}
}

// Goal: two operations have equal payloads exactly when the client sent the same: another operation under the id, another
// field, or one that is absent instead of at its default, is a conflict.
func TestOperationPayloads(t *testing.T) {
	byWords, byBytes := map[string]string{}, map[string]string{}
	rapid.Check(t, func(t *rapid.T) {
		words, payload := anyOperation(t)
		if other, ok := byWords[words]; ok && other != string(payload) {
			t.Fatalf("%s has the payloads %x and %x", words, other, payload)
		}
		if other, ok := byBytes[string(payload)]; ok && other != words {
			t.Fatalf("%s and %s have the payload %x", words, other, payload)
		}
		byWords[words], byBytes[string(payload)] = string(payload), words
	})
}

// The bytes are hashed and stored: they are the same in every version.
func TestOperationPayloadsNeverChange(t *testing.T) {
	one, at := "f1ffffffffffffff01", "010000000000000002000000"
	quantity := FromUnits(-15, 1)
	r := Request{ID: "ignored", TenantID: "t", UserID: "u", Items: []Item{{FeatureType: "f"}, {"g", quantity, OpAdd, []byte("{}")}}}
	require.Equal(t, "8001"+"0174"+"0175"+"02"+"00"+"0166"+"1a"+"0167"+"03616464"+one+"0807060504030201",
		hex.EncodeToString(r.AppendPayload(nil, []uint64{7, 0x0102030405060708})))
	require.Equal(t, "8163"+"0174"+"0175"+"0166"+one+"3c000000"+"06636861726765",
		hex.EncodeToString((&Reservation{"i", "t", "u", "f", quantity, 60, ExpiryCharge}).AppendPayload(nil)))
	require.Equal(t, "8202"+"0174"+"0166"+one, hex.EncodeToString((&LeaseRequest{ID: "i", TenantID: "t", FeatureType: "f", Quantity: quantity}).AppendPayload(nil)))
	require.Equal(t, "8317"+"0174"+"016d"+"0175"+one+at+"0900000000000000"+"0172",
		hex.EncodeToString((&Adjustment{"i", "t", "m", quantity, time.Unix(1, 2), "u", []byte("{}"), "r"}).AppendPayload(nil, 9)))
	require.Equal(t, "8400"+"0174"+"0171"+"0172", hex.EncodeToString((&Reset{"i", "t", "q", "", "r"}).AppendPayload(nil)))
	require.Equal(t, "ee8500"+"0174"+"0173"+"0169", hex.EncodeToString((&Void{"t", "s", "i", "r"}).AppendPayload([]byte{0xee})))
}

func TestOperationsValidate(t *testing.T) {
	long := string(bytes.Repeat([]byte{'x'}, 129))
	good := func() *Request {
		return &Request{ID: "i", TenantID: "t", Items: []Item{{FeatureType: "f"}, {FeatureType: "g", Quantity: Int(0), Op: OpAdd}}}
	}
	wrong := func(change func(*Request)) error {
		r := good()
		change(r)
		return r.Validate(false)
	}
	hold := func(change func(*Reservation)) error {
		r := Reservation{ID: "i", TenantID: "t", UserID: "u", FeatureType: "f", Quantity: Int(1), TTLSeconds: HoldTTLMaxSeconds, OnExpiry: ExpiryCharge}
		change(&r)
		lease := LeaseRequest{r.ID, r.TenantID, r.FeatureType, r.Quantity, r.TTLSeconds, r.OnExpiry}
		if ValidIdentifier(r.UserID) {
			require.Equal(t, r.Validate(), lease.Validate(), "leases are checked alike")
		}
		return r.Validate()
	}
	adjust := func(change func(*Adjustment)) error {
		a := Adjustment{ID: "i", TenantID: "t", Meter: "m", Quantity: Int(-1), UserID: "u", Reason: "because"}
		change(&a)
		return a.Validate()
	}
	for want, err := range map[string]error{
		"1 /id missing_field":                   wrong(func(r *Request) { r.ID = "" }),
		"2 /tenant_id invalid_value":            wrong(func(r *Request) { r.TenantID = long }),
		"3 /user_id invalid_value":              wrong(func(r *Request) { r.UserID = long }),
		"4 /items missing_field":                wrong(func(r *Request) { r.Items = nil }),
		"5 /items invalid_value":                wrong(func(r *Request) { r.Items = make([]Item, RequestItemsMax+1) }),
		"6 /items/1/feature_type missing_field": wrong(func(r *Request) { r.Items[1].FeatureType = "" }),
		"7 /items/0/op invalid_value":           wrong(func(r *Request) { r.Items[0].Op = "sub" }),
		"8 /feature_type missing_field":         wrong(func(r *Request) { r.Items = []Item{{}} }),

		"11 /id missing_field":           hold(func(r *Reservation) { r.ID = "" }),
		"12 /tenant_id missing_field":    hold(func(r *Reservation) { r.TenantID = "" }),
		"13 /user_id invalid_value":      hold(func(r *Reservation) { r.UserID = "." }),
		"14 /feature_type invalid_value": hold(func(r *Reservation) { r.FeatureType = "a\n" }),
		"15 /quantity missing_field":     hold(func(r *Reservation) { r.Quantity = Decimal{} }),
		"16 /quantity negative_quantity": hold(func(r *Reservation) { r.Quantity = Int(-1) }),
		"17 /ttl_seconds invalid_value":  hold(func(r *Reservation) { r.TTLSeconds = HoldTTLMaxSeconds + 1 }),
		"18 /ttl_seconds invalid_value":  hold(func(r *Reservation) { r.TTLSeconds = -1 }),
		"19 /on_expiry invalid_value":    hold(func(r *Reservation) { r.OnExpiry = "keep" }),

		"21 /meter missing_field":    adjust(func(a *Adjustment) { a.Meter = "" }),
		"22 /meter invalid_value":    adjust(func(a *Adjustment) { a.Meter = "API" }),
		"23 /quantity missing_field": adjust(func(a *Adjustment) { a.Quantity = Decimal{} }),
		"24 /reason missing_field":   adjust(func(a *Adjustment) { a.Reason = "" }),
		"25 /reason invalid_value":   adjust(func(a *Adjustment) { a.Reason = string(make([]byte, ReasonBytesMax+1)) }),

		"31 /source invalid_value": (&Void{"t", "..", "i", "r"}).Validate(),
		"32 /reason missing_field": (&Void{"t", "", "i", ""}).Validate(),
		"33 /id missing_field":     (&Void{"t", "", "", "r"}).Validate(),
		"34 /quota missing_field":  (&Reset{"i", "t", "", "", "r"}).Validate(),
		"35 /reason missing_field": (&Reset{"i", "t", "q", "u", ""}).Validate(),
	} {
		e, ok := err.(*Error)
		require.True(t, ok, want)
		_, rest, _ := bytes.Cut([]byte(want), []byte(" "))
		require.Equal(t, string(rest), e.Pointer+" "+string(e.Code))
	}
	for _, err := range []error{
		good().Validate(false), (&Request{TenantID: "t", Items: good().Items}).Validate(true), hold(func(*Reservation) {}), hold(func(r *Reservation) { r.Quantity = Int(0) }),
		adjust(func(*Adjustment) {}), (&Void{"t", "", "i", "r"}).Validate(), (&Reset{"i", "t", "q", "u", "r"}).Validate(),
	} {
		require.NoError(t, err)
	}
}
