package linear

import (
	"math"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
)

// TestCheckerFinds: histories that a broken server would leave are illegal, and their right twins are not.
func TestCheckerFinds(t *testing.T) {
	// op is one attempt of a history on a limit of 10, by its times in milliseconds.
	type op = attempt
	at := func(began, done time.Duration) attempt { return attempt{began: began, done: done} }
	ask := func(a attempt, id string, c call, r result) attempt {
		a.id, a.call, a.result = id, c, r
		return a
	}
	use := func(n int64) call { return call{kind: consume, units: n} }
	hold := func(n int64) call { return call{kind: reserve, units: n} }
	counted := func(used, reserved int64) result {
		return result{status: "counted", used: used, reserved: reserved}
	}
	for name, c := range map[string]struct {
		right, broken []op
	}{
		"one unit over the limit": {
			[]op{ask(at(0, 1), "a", use(7), counted(7, 0)), ask(at(2, 3), "b", use(4), result{status: "denied", used: 7})},
			[]op{ask(at(0, 1), "a", use(7), counted(7, 0)), ask(at(2, 3), "b", use(4), counted(11, 0))},
		},
		"two callers take the last unit": {
			[]op{ask(at(0, 5), "a", use(6), counted(6, 0)), ask(at(1, 6), "b", use(6), result{status: "denied", used: 6})},
			[]op{ask(at(0, 5), "a", use(6), counted(6, 0)), ask(at(1, 6), "b", use(6), counted(6, 0))},
		},
		"an acknowledged consume is lost by a kill": {
			[]op{ask(at(0, 1), "a", use(7), counted(7, 0)), ask(at(9, 10), "b", use(1), counted(8, 0))},
			[]op{ask(at(0, 1), "a", use(7), counted(7, 0)), ask(at(9, 10), "b", use(1), counted(1, 0))},
		},
		"a retry counts twice": {
			[]op{ask(at(0, 2), "a", use(3), result{unknown: true}), ask(at(3, 4), "a", use(3), result{status: "duplicate", used: 3})},
			[]op{ask(at(0, 1), "a", use(3), counted(3, 0)), ask(at(3, 4), "a", use(3), counted(6, 0))},
		},
		"a call without an answer is done after the server was dead": {
			[]op{ask(at(0, 2), "a", use(3), result{unknown: true}), ask(at(3, 4), "b", use(1), counted(4, 0))},
			[]op{ask(at(0, 2), "a", use(3), result{unknown: true}), ask(at(3, 4), "b", use(1), counted(1, 0)),
				ask(at(5, 6), "b2", use(1), counted(5, 0))},
		},
		"a denial in spite of room": {
			[]op{ask(at(0, 1), "a", use(10), counted(10, 0))},
			[]op{ask(at(0, 1), "a", use(10), result{status: "denied"})},
		},
		"a check sees the past": {
			[]op{ask(at(0, 1), "a", use(7), counted(7, 0)), ask(at(2, 3), "", call{kind: check, units: 1}, result{status: "checked", used: 7})},
			[]op{ask(at(0, 1), "a", use(7), counted(7, 0)), ask(at(2, 3), "", call{kind: check, units: 1}, result{status: "checked"})},
		},
		"a committed hold is still reserved": {
			[]op{ask(at(0, 1), "a", hold(5), counted(0, 5)), ask(at(2, 3), "a", call{kind: commit, held: 5, units: 2}, counted(2, 0))},
			[]op{ask(at(0, 1), "a", hold(5), counted(0, 5)), ask(at(2, 3), "a", call{kind: commit, held: 5, units: 2}, counted(2, 5))},
		},
		"a release comes back after a kill": {
			[]op{ask(at(0, 1), "a", hold(5), counted(0, 5)), ask(at(2, 3), "a", call{kind: release, held: 5}, counted(0, 0)),
				ask(at(9, 10), "b", use(10), counted(10, 0))},
			[]op{ask(at(0, 1), "a", hold(5), counted(0, 5)), ask(at(2, 3), "a", call{kind: release, held: 5}, counted(0, 0)),
				ask(at(9, 10), "b", use(10), result{status: "denied", reserved: 5})},
		},
		"a lowered limit is forgotten": {
			[]op{ask(at(0, 1), "", call{kind: limit, units: 3}, result{}), ask(at(2, 3), "a", use(4), result{status: "denied"})},
			[]op{ask(at(0, 1), "", call{kind: limit, units: 3}, result{}), ask(at(2, 3), "a", use(4), counted(4, 0))},
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, porcupine.Ok, verdictOf(c.right), "the right one")
			require.Equal(t, porcupine.Illegal, verdictOf(c.broken), "the broken one")
		})
	}
}

func verdictOf(attempts []attempt) porcupine.CheckResult {
	h := newHistory(&tenant{limit: 10}, "made by hand", attempts)
	return porcupine.CheckOperationsTimeout(specification(h.ids, h.limit), h.operations, decideLimit)
}

// TestHistories: which reads are left out, when a call without an answer may have been done, and in which minute.
func TestHistories(t *testing.T) {
	start := time.Date(2026, 1, 1, 12, 0, 50, 0, time.UTC)
	lost := attempt{id: "a", call: call{kind: consume, units: 1}, result: result{unknown: true}, began: time.Second, done: 2 * time.Second, life: 1}
	before := attempt{call: call{kind: read}, done: time.Second / 2, life: 1}
	ahead := attempt{call: call{kind: read}, began: time.Second, done: 2 * time.Second, life: 1}
	after := attempt{call: call{kind: read}, began: 4 * time.Second, done: 5 * time.Second, life: 2}

	n := &tenant{name: "t", attempts: []attempt{lost, before, ahead, after}}
	list, unjudged := n.histories(start, map[int]time.Duration{1: 3 * time.Second})
	require.Equal(t, 1, unjudged)
	require.Len(t, list, 1)
	require.Len(t, list[0].operations, 3)
	require.EqualValues(t, 3*time.Second, list[0].operations[0].Return, "it was not done after the server was dead")
	n.attempts[0].life = 7
	list, _ = n.histories(start, nil)
	require.EqualValues(t, math.MaxInt64, list[0].operations[0].Return, "the server lives")

	// At 12:00:51 a call got no answer: it is of the minute before or of the next one.
	first, second := start.Truncate(time.Minute), start.Truncate(time.Minute).Add(time.Minute)
	lost.began, lost.done = 8*time.Second, 9*time.Second
	again := attempt{id: "a", call: lost.call, result: result{status: "duplicate", used: 2}, began: 12 * time.Second, done: 13 * time.Second, period: second, life: 2}
	other := attempt{id: "b", call: call{kind: consume, units: 1}, result: result{status: "counted", used: 1}, done: time.Second, period: first, life: 1}
	third := attempt{id: "c", call: call{kind: consume, units: 2}, result: result{status: "counted", used: 2}, began: 11 * time.Second, done: 12 * time.Second, period: second, life: 2}
	n = &tenant{name: "t", limit: 9, minute: true, attempts: []attempt{other, lost, third, again}}
	list, _ = n.histories(start, map[int]time.Duration{1: 9 * time.Second})
	require.Len(t, list, 2)
	for _, h := range list {
		require.True(t, porcupine.CheckOperations(specification(h.ids, h.limit), h.operations), h.name)
	}
	require.Len(t, list[1].operations, 3)

	// Nothing was answered in the first minute: it may have been judged there all the same.
	again.result.used = 0
	n = &tenant{name: "t", limit: 9, minute: true, attempts: []attempt{lost, again}}
	list, _ = n.histories(start, map[int]time.Duration{1: 9 * time.Second})
	require.Len(t, list, 1)
	require.True(t, porcupine.CheckOperations(specification(list[0].ids, list[0].limit), list[0].operations))
}
