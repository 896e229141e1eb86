package escrow

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestEndBesideTake: nothing is given out twice, and nothing is lost, however takers and the end fall together.
func TestEndBesideTake(t *testing.T) {
	for n := range 2000 {
		var u Units
		u.Fill(10_000)
		var taken atomic.Int64
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for u.Take(3) {
					taken.Add(3)
				}
			})
		}
		for range n % 50 {
			u.Left()
		}
		rest := u.End()
		group.Wait()
		if got := taken.Load(); got+rest != 10_000 {
			t.Fatalf("round %d: %d were taken, %d are left of 10,000", n, got, rest)
		}
		if again, over := u.Rest(); again != rest || !over || u.End() != rest || u.Left() != 0 || u.Take(0) {
			t.Fatalf("round %d: it did not stay over: %d, %v", n, again, over)
		}
	}
}

func TestUnits(t *testing.T) {
	var u Units
	u.Fill(5)
	for _, c := range []struct {
		n    int64
		want bool
		left int64
	}{{-1, false, 5}, {6, false, 5}, {0, true, 5}, {4, true, 1}, {2, false, 1}, {1, true, 0}, {1, false, 0}} {
		if got := u.Take(c.n); got != c.want || u.Left() != c.left {
			t.Errorf("Take(%d) = %v, %d left; want %v, %d", c.n, got, u.Left(), c.want, c.left)
		}
	}
	if n := testing.AllocsPerRun(100, func() { u.Take(1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if rest, over := u.Rest(); rest != 0 || over {
		t.Errorf("spent is not over: %d, %v", rest, over)
	}
}
