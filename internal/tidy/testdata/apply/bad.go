package apply

import (
	crand "crypto/rand" // want "apply"
	"maps"
	"math"
	"math/rand/v2" // want "apply"
	"os"
	"slices"
	"sync"
	clock "time"
)

type counters map[string]int64

type ratio float64 // want "float"

func clocks(start clock.Time) clock.Duration {
	clock.Sleep(1)                // want "apply"
	now := clock.Now              // want "apply"
	_ = now                       // a function value counts, not only a call
	_ = start.In(clock.Local)     // want "apply"
	return clock.Since(start) + 1 // want "apply"
}

func environment() string { return os.Getenv("HOME") } // want "apply"

func randomness(b []byte) int {
	_, _ = crand.Read(b)
	return rand.Int()
}

func floats(n int64) int64 {
	return int64(math.Sqrt(float64(n))) // want "float"
}

func hiddenFloat(n int) int {
	const half = 0.5      // want "float"
	return n * (half * 2) // want "float"
}

func order(c counters, s *sync.Map) (sum int64) {
	for _, v := range c { // want "map-order"
		sum += v
	}
	for range maps.Values(c) { // want "apply"
		sum++
	}
	s.Range(func(any, any) bool { return true }) // want "apply"
	// order-free:
	for range c { // want "map-order"
		sum++ // a marker without a reason is none
	}
	return sum
}

func generic[M ~map[string]int](m M) {
	for range m { // want "map-order"
	}
}

func fine(c counters) (keys []string, n int64) {
	// order-free: a sum is the same in any order
	for _, v := range c {
		n += v
	}
	for range c { // order-free: nothing depends on the element
		n++
	}
	for _, k := range slices.Sorted(maps.Keys(c)) {
		keys = append(keys, k)
	}
	_ = clock.Unix(n, 0)
	return keys, n
}
