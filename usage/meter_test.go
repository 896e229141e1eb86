package usage

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestMeterValidate(t *testing.T) {
	nine := make([]string, 9)
	for i := range nine {
		nine[i] = "metadata.d" + fmt.Sprint(i)
	}
	for _, c := range []struct {
		name  string
		meter Meter
		want  []string // code and pointer of each error
	}{
		{"least", Meter{Slug: "api_calls", Aggregation: Sum}, nil},
		{"full", Meter{Slug: "llm", Name: "Tokens é", EventType: "llm.call", Aggregation: P99, ValueProperty: "metadata.tokens.total",
			Scale: new(9), Unit: "token", Dimensions: []string{"metadata.model", "user_id"},
			Filters: &Filter{Property: "metadata.kind", Op: "eq", Value: "x"}}, nil},
		{"unique", Meter{Slug: "u", EventType: "*", Aggregation: UniqueCount, UniqueProperty: "metadata.device"}, nil},
		{"weighted", Meter{Slug: "storage_hours", Aggregation: WeightedSum}, nil},
		{"empty", Meter{}, []string{"missing_field /slug", "missing_field /aggregation"}},
		{"words", Meter{Slug: "API", Aggregation: "summ", EventType: "a\nb", Name: strings.Repeat("x", 257), Unit: "a\tb"},
			[]string{"invalid_value /slug", "invalid_value /name", "invalid_value /event_type", "invalid_value /aggregation", "invalid_value /unit"}},
		{"utf8", Meter{Slug: "a", Aggregation: Sum, Name: "\xff"}, []string{"invalid_utf8 /name"}},
		{"scale", Meter{Slug: "a", Aggregation: Sum, Scale: new(10)}, []string{"invalid_value /scale"}},
		{"negative scale", Meter{Slug: "a", Aggregation: Sum, Scale: new(-1)}, []string{"invalid_value /scale"}},
		{"value of count", Meter{Slug: "a", Aggregation: Count, ValueProperty: "metadata.x"}, []string{"invalid_value /value_property"}},
		{"bad value", Meter{Slug: "a", Aggregation: Max, ValueProperty: "metadata..x"}, []string{"invalid_value /value_property"}},
		{"unique of sum", Meter{Slug: "a", Aggregation: Sum, UniqueProperty: "user_id"}, []string{"invalid_value /unique_property"}},
		{"bad unique", Meter{Slug: "a", Aggregation: UniqueCount, UniqueProperty: "userid"}, []string{"invalid_value /unique_property"}},
		{"dimensions", Meter{Slug: "a", Aggregation: Sum, Dimensions: []string{"metadata.x", "quantity", "metadata.x"}},
			[]string{"invalid_value /dimensions/1", "invalid_value /dimensions/2"}},
		{"many dimensions", Meter{Slug: "a", Aggregation: Sum, Dimensions: nine}, []string{"invalid_value /dimensions"}},
		{"filter", Meter{Slug: "a", Aggregation: Sum, Filters: &Filter{}}, []string{"invalid_value /filters"}},
	} {
		var got []string
		for _, e := range c.meter.Validate() {
			got = append(got, string(e.Code)+" "+e.Pointer)
			if e.Detail == "" {
				t.Errorf("%s: %s has no detail", c.name, e.Pointer)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	errs := (&Meter{Slug: "a", Aggregation: "uniqe_count"}).Validate()
	if len(errs) != 1 || !strings.Contains(errs[0].Detail, `did you mean "unique_count"?`) {
		t.Error(errs)
	}
}

func TestMeterWithDefaults(t *testing.T) {
	for _, c := range []struct {
		meter Meter
		want  string
	}{
		{Meter{Slug: "a", Aggregation: Sum}, `{"slug":"a","name":"a","event_type":"a","aggregation":"sum","scale":3}`},
		{Meter{Slug: "a", Aggregation: Count}, `{"slug":"a","name":"a","event_type":"a","aggregation":"count","scale":0}`},
		{Meter{Slug: "a", Aggregation: UniqueCount, EventType: "*"},
			`{"slug":"a","name":"a","event_type":"*","aggregation":"unique_count","unique_property":"user_id","scale":0}`},
		{Meter{Slug: "a", Name: "A", EventType: "b", Aggregation: Latest, Scale: new(0)},
			`{"slug":"a","name":"A","event_type":"b","aggregation":"latest","scale":0}`},
	} {
		full := c.meter.WithDefaults()
		text, err := json.Marshal(full)
		if err != nil || string(text) != c.want {
			t.Errorf("%s, %v; want %s", text, err, c.want)
		}
		if !MeterEqualButLabels(c.meter, full) {
			t.Errorf("%s: defaults changed the meter", text)
		}
	}
}

func TestMeterEqualButLabels(t *testing.T) {
	base := Meter{Slug: "a", Aggregation: Sum, Dimensions: []string{"metadata.x"},
		Filters: &Filter{And: []Filter{{Property: "metadata.n", Op: "in", Value: []any{Int(1), "x"}}}}}
	same := []func(*Meter){
		func(m *Meter) { m.Name, m.Unit = "A", "call" },
		func(m *Meter) { m.EventType, m.Scale = "a", new(3) },
		func(m *Meter) { m.Filters.And[0].Value = []any{1.0, "x"} },
		func(m *Meter) { m.Filters.And[0].Value = []any{json.Number("1.00"), "x"} },
		func(m *Meter) { m.Filters.Or = []Filter{} },
	}
	other := []func(*Meter){
		func(m *Meter) { m.Slug = "b" },
		func(m *Meter) { m.EventType = "b" },
		func(m *Meter) { m.Aggregation = Max },
		func(m *Meter) { m.ValueProperty = "metadata.v" },
		func(m *Meter) { m.UniqueProperty = "metadata.v" },
		func(m *Meter) { m.Scale = new(0) },
		func(m *Meter) { m.Dimensions = nil },
		func(m *Meter) { m.Filters = nil },
		func(m *Meter) { m.Filters.And[0].Op = "nin" },
		func(m *Meter) { m.Filters.And[0].Value = []any{"1", "x"} },
		func(m *Meter) { m.Filters.And[0].Value = []any{"x", Int(1)} },
	}
	for i, change := range slices.Concat(same, other) {
		m := base
		f := *base.Filters
		f.And = slices.Clone(f.And)
		m.Filters = &f
		change(&m)
		if got, want := MeterEqualButLabels(base, m), i < len(same); got != want || MeterEqualButLabels(m, base) != want {
			t.Errorf("change %d: equal %v, want %v", i, got, want)
		}
	}
}

func TestProperties(t *testing.T) {
	for s, keys := range map[string]int{
		"user_id": 0, "source": 0, "feature_type": 0, "metadata.x": 1, "metadata.a b.é": 2, "metadata.a.b.c.d": 4,
		"": -1, "metadata": -1, "metadata.": -1, "metadata.x.": -1, "metadata..x": -1, "metadata.a.b.c.d.e": -1,
		"quantity": -1, "timestamp": -1, "Metadata.x": -1, "metadata.x\n": -1, "metadata.\xff": -1,
		"metadata." + strings.Repeat("x", 120): -1,
	} {
		if ValidProperty(s) != (keys >= 0) {
			t.Errorf("%q: valid %v", s, keys < 0)
		}
		path, ok := MetadataPath(s)
		if ok != (keys > 0) || ok && (len(path) != keys || "metadata."+strings.Join(path, ".") != s) {
			t.Errorf("%q: path %q %v", s, path, ok)
		}
	}
}
