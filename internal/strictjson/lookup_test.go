package strictjson

import "testing"

func TestLookup(t *testing.T) {
	const text = ` {"a":1, "b" : {"c":"x,}\"]","d":[1,{"c":2}],"e":{}}, "f\u0067":null,"":true,"é":-1.5e3 } `
	for _, c := range []struct {
		path []string
		want string
		ok   bool
	}{
		{[]string{"a"}, "1", true},
		{[]string{"b", "c"}, `"x,}\"]"`, true},
		{[]string{"b", "d"}, `[1,{"c":2}]`, true},
		{[]string{"b", "e"}, `{}`, true},
		{[]string{"b", "e", "x"}, ``, false},
		{[]string{"b", "d", "c"}, ``, false},
		{[]string{"a", "c"}, ``, false},
		{[]string{"fg"}, `null`, true},
		{[]string{`f\u0067`}, ``, false},
		{[]string{"f"}, ``, false},
		{[]string{""}, `true`, true},
		{[]string{"é"}, `-1.5e3`, true},
		{[]string{"c"}, ``, false},
		{nil, `{"a":1, "b" : {"c":"x,}\"]","d":[1,{"c":2}],"e":{}}, "f\u0067":null,"":true,"é":-1.5e3 }`, true},
	} {
		got, ok := Lookup([]byte(text), c.path)
		if string(got) != c.want || ok != c.ok {
			t.Errorf("%q: %s %v, want %s %v", c.path, got, ok, c.want, c.ok)
		}
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	src, path := []byte(`{"x":"é\"","\u0061":{"b":1}}`), []string{"a", "b"}
	if n := testing.AllocsPerRun(100, func() {
		if raw, ok := Lookup(src, path); !ok || string(raw) != "1" {
			t.Fatal(string(raw))
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	src, path := []byte(sample), []string{"duration_ms"}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Lookup(src, path); !ok {
			b.Fatal("not found")
		}
	}
}
