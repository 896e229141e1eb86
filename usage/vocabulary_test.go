package usage

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"0s": 0, "1ms": time.Millisecond, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "35d": 35 * 24 * time.Hour,
		"1d1h1m1s1ms": 25*time.Hour + time.Minute + time.Second + time.Millisecond, "2m3m": 5 * time.Minute,
		"36525d": DurationMax, "007s": 7 * time.Second,
	} {
		if got, err := ParseDuration(s); got != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", s, got, err, want)
		}
	}
	for s, code := range map[string]ErrorCode{
		"": CodeInvalidValue, "1": CodeInvalidValue, "s": CodeInvalidValue, "1.5h": CodeInvalidValue, "-1s": CodeInvalidValue,
		"1 s": CodeInvalidValue, "1us": CodeInvalidValue, "1w": CodeInvalidValue, "1sx": CodeInvalidValue, "1S": CodeInvalidValue, "1h30": CodeInvalidValue,
		"36525d1ms": CodeOverflow, "36526d": CodeOverflow, "99999999999999999999999999999s": CodeOverflow, "9223372036854775807d": CodeOverflow,
		"11007010000000000000s": CodeOverflow, // found by fuzzing: the count wrapped while it was read
	} {
		if got, err := ParseDuration(s); Code(err) != code {
			t.Errorf("%q: %v, %v; want %s", s, got, err, code)
		}
	}
}

// FuzzParseDuration: what is taken is in range, and equal to its own milliseconds.
func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"1h30m", "5ms", "1d", "18446744073709551617s", "m", "1mm", "3ms4m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			return
		}
		again, err := ParseDuration(fmt.Sprintf("%dms", d.Milliseconds()))
		if d < 0 || d > DurationMax || again != d || err != nil {
			t.Fatalf("%q: %v, again %v, %v", s, d, again, err)
		}
	})
}

func TestParseWindow(t *testing.T) {
	for _, w := range Windows() {
		if got, err := ParseWindow(string(w)); got != w || err != nil {
			t.Errorf("%s: %s, %v", w, got, err)
		}
	}
	if got, err := ParseWindow(""); got != WindowTotal || err != nil {
		t.Error(got, err)
	}
	if _, err := ParseWindow("hours"); Code(err) != CodeInvalidValue || !strings.Contains(err.Error(), `did you mean "hour"?`) {
		t.Error(err)
	}
}

func TestNearest(t *testing.T) {
	meters := []string{"api_calls", "data_transfer", "storage", "storage_hours", "seats", "projects"}
	for word, want := range map[string]string{
		"api_call": "api_calls", "apicalls": "api_calls", "API_CALLS": "api_calls", "api_clals": "api_calls", "api-calls": "api_calls",
		"storag": "storage", "storage_hour": "storage_hours", "seat": "seats", "project": "projects", "data_transfers": "data_transfer",
		"": "", "x": "", "llm_tokens": "", "calls": "", "sea": "", "ats": "", strings.Repeat("x", 200): "",
	} {
		if got, ok := Nearest(word, meters); got != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
	if got, _ := Nearest("cat", []string{"rat", "bat"}); got != "bat" {
		t.Errorf("a tie goes to %s, want the smallest", got)
	}
	if _, ok := Nearest("cat", []string{"", strings.Repeat("c", 300)}); ok {
		t.Error("near to nothing")
	}
	if n := testing.AllocsPerRun(100, func() { Nearest("api_cals", meters) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// slowDistance is optimal string alignment by its recursive definition.
func slowDistance(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	la, lb := len(a)-1, len(b)-1
	cost := 1
	if a[la] == b[lb] {
		cost = 0
	}
	d := min(slowDistance(a[:la], b)+1, slowDistance(a, b[:lb])+1, slowDistance(a[:la], b[:lb])+cost)
	if la > 0 && lb > 0 && a[la] == b[lb-1] && a[la-1] == b[lb] {
		d = min(d, slowDistance(a[:la-1], b[:lb-1])+1)
	}
	return d
}

func TestEditDistance(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 1, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		limit := rapid.IntRange(1, 6).Draw(t, "limit")
		if got, want := editDistance(a, b, limit), min(slowDistance(a, b), limit+1); got != want {
			t.Fatalf("%s and %s: %d, want %d", a, b, got, want)
		}
	})
}

// The words of the API in the JSON of the API: UTC, exact numbers, [] and {}.
func TestJSON(t *testing.T) {
	east := time.FixedZone("east", 2*3600)
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, east)
	model := "m"
	for _, c := range []struct {
		value any
		want  string
	}{
		{Event{TenantID: "t", FeatureType: "f"}, `{"tenant_id":"t","feature_type":"f"}`},
		{Event{ID: "i", TenantID: "t", UserID: "u", FeatureType: "f", Quantity: Int(0), Timestamp: at, Source: "s", Metadata: []byte(`{"a":1.0}`), Op: OpAdd},
			`{"id":"i","tenant_id":"t","user_id":"u","feature_type":"f","quantity":0,"timestamp":"2026-11-23T10:00:00Z","source":"s","metadata":{"a":1.0},"op":"add"}`},
		{&Event{TenantID: "t", FeatureType: "f", Timestamp: at}, `{"tenant_id":"t","feature_type":"f","timestamp":"2026-11-23T10:00:00Z"}`},
		{Outcome{ID: "i", Status: StatusCounted, BillingPeriod: Interval{at, at.AddDate(0, 1, 0)}},
			`{"id":"i","status":"counted","billing_period":{"start":"2026-11-23T10:00:00Z","end":"2026-12-23T10:00:00Z"}}`},
		{Outcome{ID: "i", Status: StatusRejected}, `{"id":"i","status":"rejected","billing_period":null}`},
		{Rows{Meter: "m", Aggregation: Sum, Unit: "u", From: at, To: at, Window: WindowHour, TimeZone: "UTC", AsOf: AsOf{7, at}},
			`{"meter":"m","aggregation":"sum","unit":"u","from":"2026-11-23T10:00:00Z","to":"2026-11-23T10:00:00Z","window":"hour","time_zone":"UTC",` +
				`"data":[],"as_of":{"index":7,"time":"2026-11-23T10:00:00Z"},"next_cursor":null}`},
		{[]Row{{WindowStart: at, WindowEnd: at, Value: FromUnits(-1500, 3)}, {Group: map[string]*string{"metadata.model": &model, "x": nil}, Partial: true}},
			`[{"window_start":"2026-11-23T10:00:00Z","window_end":"2026-11-23T10:00:00Z","value":-1.5,"group":{},"partial":false},` +
				`{"window_start":"0001-01-01T00:00:00Z","window_end":"0001-01-01T00:00:00Z","value":null,"group":{"metadata.model":"m","x":null},"partial":true}]`},
		{Meter{Slug: "a", EventType: "b", Aggregation: Sum, Scale: new(0), Filters: &Filter{Property: "metadata.x", Op: "eq", Value: mustDecimal(t, "9007199254740993")}},
			`{"slug":"a","event_type":"b","aggregation":"sum","scale":0,"filters":{"property":"metadata.x","op":"eq","value":9007199254740993}}`},
	} {
		got, err := json.Marshal(c.value)
		if err != nil || string(got) != c.want {
			t.Errorf("%T: %s, %v\nwant %s", c.value, got, err, c.want)
		}
	}
	var e Event
	if err := json.Unmarshal([]byte(`{"id":"i","quantity":"1.50","timestamp":"2026-11-23T12:00:00+02:00"}`), &e); err != nil ||
		e.Quantity.String() != "1.5" || !e.Timestamp.Equal(at) {
		t.Error(e, err)
	}
	var rows Rows
	if err := json.Unmarshal([]byte(`{"data":[{"value":1.5},{"value":null}]}`), &rows); err != nil || rows.Data[1].Value.IsSet() {
		t.Error(rows, err)
	}
}

func TestErrors(t *testing.T) {
	err := fmt.Errorf("record: %w", &Error{Code: CodeConflict, Pointer: "/id", Detail: "taken"})
	if !errors.Is(err, ErrConflict) || errors.Is(err, ErrFailed) || Code(err) != CodeConflict || err.Error() != "record: /id: taken" {
		t.Error(err)
	}
	if Code(nil) != "" || Code(errors.New("x")) != "" {
		t.Error("a code out of nothing")
	}
	if len(slices.Compact(slices.Sorted(slices.Values(names(Aggregations()))))) != 11 {
		t.Error("aggregations are missing or twice there")
	}
}

func ExampleParseDecimal() {
	for _, s := range []string{"12.50", "1e3", "NaN"} {
		d, err := ParseDecimal(s)
		fmt.Printf("%q %v\n", d, err)
	}
	// Output:
	// "12.5" <nil>
	// "1000" <nil>
	// "" "NaN" is not a number as JSON writes it; send one such as 12, -3 or 0.5
}

func ExampleEvent_Validate() {
	ev := Event{ID: "e1", TenantID: "ac\nme", FeatureType: "api_calls"}
	err := ev.Validate()
	fmt.Println(Code(err), err)
	// Output:
	// invalid_value /tenant_id: tenant_id "ac\nme" has a control character at byte 2; use 1 to 128 bytes of UTF-8 without control characters
}
