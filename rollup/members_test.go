package rollup

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"pgregory.net/rapid"
)

// membersOf is the set that a bitmap is, whatever containers the library chose for it.
func membersOf(m *roaring.Bitmap) *Members {
	if m.GetCardinality() > listMax {
		return &Members{many: m}
	}
	return setOf(m.ToArray()...)
}

// setOf returns the set of some members.
func setOf(members ...uint32) *Members {
	m := new(Members)
	for _, v := range members {
		m.Add(v)
	}
	return m
}

func listOf(m *Members) []uint32 {
	out := []uint32{}
	_ = m.Each(func(v uint32) error {
		out = append(out, v)
		return nil
	})
	return out
}

// validate tells what is wrong with the form of a set.
func (m *Members) validate() error {
	if m.many == nil {
		for i := 1; i < len(m.few); i++ {
			if m.few[i-1] >= m.few[i] {
				return fmt.Errorf("not ascending: %v", m.few)
			}
		}
		if len(m.few) > listMax {
			return fmt.Errorf("%d members in a list", len(m.few))
		}
		return nil
	}
	if n := m.many.GetCardinality(); n <= listMax || m.few != nil {
		return fmt.Errorf("a bitmap of %d members, and a list of %d", n, len(m.few))
	}
	return m.many.Validate()
}

// TestMembersModel compares with a sorted list, around the number at which a list becomes a bitmap and back.
func TestMembersModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Uint32Range(0, 3*listMax)
		sets, models := []*Members{new(Members), new(Members)}, make([][]uint32, 2)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				i, v := rapid.IntRange(0, 1).Draw(t, "set"), value.Draw(t, "v")
				sets[i].Add(v)
				if at, found := slices.BinarySearch(models[i], v); !found {
					models[i] = slices.Insert(models[i], at, v)
				}
			},
			"add many": func(t *rapid.T) {
				i, v := rapid.IntRange(0, 1).Draw(t, "set"), value.Draw(t, "v")
				for n := rapid.Uint32Range(1, listMax).Draw(t, "n"); n > 0; n-- {
					sets[i].Add(v + 2*n)
					models[i] = append(models[i], v+2*n)
				}
				slices.Sort(models[i])
				models[i] = slices.Compact(models[i])
			},
			"remove many": func(t *rapid.T) {
				i, v := rapid.IntRange(0, 1).Draw(t, "set"), value.Draw(t, "v")
				for o := v; o < v+listMax; o++ {
					sets[i].Remove(o)
				}
				models[i] = slices.DeleteFunc(models[i], func(o uint32) bool { return o >= v && o < v+listMax })
			},
			"remove": func(t *rapid.T) {
				i, v := rapid.IntRange(0, 1).Draw(t, "set"), value.Draw(t, "v")
				sets[i].Remove(v)
				models[i] = slices.DeleteFunc(models[i], func(o uint32) bool { return o == v })
			},
			"or": func(t *rapid.T) {
				sets[0].Or(sets[1])
				models[0] = append(models[0], models[1]...)
				slices.Sort(models[0])
				models[0] = slices.Compact(models[0])
			},
			"clone": func(t *rapid.T) { // the old one must not be felt in the new one
				old := sets[1]
				sets[1] = old.Clone()
				for v := range uint32(2 * listMax) {
					old.Add(v)
				}
				old.Remove(1)
			},
			"": func(t *rapid.T) {
				for i, m := range sets {
					if got := listOf(m); !slices.Equal(got, models[i]) || m.Len() != int64(len(got)) {
						t.Fatalf("set %d: %v (%d), want %v", i, got, m.Len(), models[i])
					}
					if err := m.validate(); err != nil {
						t.Fatal(err)
					}
					v := value.Draw(t, "asked")
					if want := slices.Contains(models[i], v); m.Contains(v) != want {
						t.Fatalf("set %d contains %d: want %v", i, v, want)
					}
				}
			},
		})
	})
}

// TestListIsStoredAsBitmap: the bytes of a set do not tell in which form it was in memory.
func TestListIsStoredAsBitmap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		high := rapid.SampledFrom([]uint32{0, 0, 1 << 16, 3 << 16, 4 << 16, 5 << 16, 1<<32 - 1<<16})
		m := roaring.New()
		for range rapid.IntRange(1, 20).Draw(t, "parts") {
			from := high.Draw(t, "high") + rapid.Uint32Range(0, 300).Draw(t, "low")
			for v := range rapid.Uint32Range(1, 20).Draw(t, "run") {
				m.Add(from + v)
			}
		}
		if got, want := appendPortableList([]byte{9}, m.ToArray()), appendPortable([]byte{9}, m); !bytes.Equal(got, want) {
			t.Fatalf("%x, want %x", got, want)
		}
	})
}

// TestMembersEachStops at the first error, in both forms.
func TestMembersEachStops(t *testing.T) {
	stop := errors.New("stop")
	for _, n := range []uint32{3, 3 * listMax} {
		m := setOf(rangeOf(n)...)
		seen := 0
		if err := m.Each(func(uint32) error { seen++; return stop }); err != stop || seen != 1 {
			t.Errorf("%d members: %v after %d", n, err, seen)
		}
	}
}

// TestMembersAllocate holds what a bucket of one event costs: history is taken in by the million of them.
func TestMembersAllocate(t *testing.T) {
	var a Agg
	p := Point{Member: 7}
	if n := testing.AllocsPerRun(100, func() {
		a = Agg{}
		a.Fold(KindUnique, &p)
	}); n != 1 {
		t.Errorf("a bucket of one member takes %v allocations", n)
	}
	if size := sizeOf(Members{}); size > 48 {
		t.Errorf("a set of one member has %d bytes", size)
	}
}
