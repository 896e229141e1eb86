package wal

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestUUID(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	ids := []string{
		"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
		"01234567-89ab-cdef-0123-456789abcdef", "fedcba98-7654-3210-fedc-ba9876543210",
	}
	for range 200 {
		ids = append(ids, randomUUID(rng))
	}
	for _, id := range ids {
		u, ok := parseUUID(id)
		if !ok {
			t.Fatalf("%s is refused", id)
		}
		if u.high>>60 != 0 || u.low>>62 != 0 || u.version>>6 != 0 {
			t.Fatalf("%s: parts too wide: %+v", id, u)
		}
		got := make([]byte, uuidTextSize)
		if u.format(got); string(got) != id {
			t.Fatalf("%s came back as %s", id, got)
		}
	}
	u, _ := parseUUID("6ba7b810-9dad-41d1-80b4-00c04fd430c8")
	if u.version != 4<<2|2 {
		t.Errorf("version and variant are %#x", u.version)
	}
}

// TestUUIDOthers: at every position every other byte makes it another text, never a UUID
// that comes back differently.
func TestUUIDOthers(t *testing.T) {
	const id = "01234567-89ab-4def-8123-456789abcdef"
	got := make([]byte, uuidTextSize)
	for i := range id {
		for c := range 256 {
			text := id[:i] + string([]byte{byte(c)}) + id[i+1:]
			want := strings.ContainsRune("0123456789abcdef", rune(c)) && id[i] != '-' || byte(c) == id[i]
			u, ok := parseUUID(text)
			if ok != want {
				t.Fatalf("%q: a UUID: %v, want %v", text, ok, want)
			}
			if ok {
				if u.format(got); string(got) != text {
					t.Fatalf("%q came back as %q", text, got)
				}
			}
		}
	}
	for _, text := range []string{"", id[:35], id + "0", strings.ToUpper(id)} {
		if _, ok := parseUUID(text); ok {
			t.Errorf("%q is taken for a UUID", text)
		}
	}
}
