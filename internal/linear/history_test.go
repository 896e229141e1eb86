package linear

// Histories: what clients note, and how it becomes what porcupine checks.

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// attempt is one request and what became of it. Times are since the run began.
type attempt struct {
	client      int
	id          string // "" for check, read and limit
	call        call
	result      result
	began, done time.Duration
	period      time.Time // of the quota in the answer; zero: none, or no answer
	life        int       // which of the servers was asked
}

// tenant is a tenant whose calls are noted.
type tenant struct {
	name   string
	limit  int64 // at the beginning
	minute bool  // its quota is of every minute; else for ever

	mu       sync.Mutex
	attempts []attempt // guarded by mu
}

func (t *tenant) note(a attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.attempts = append(t.attempts, a)
}

// history is what one check is about.
type history struct {
	name       string
	ids        int
	limit      int64
	operations []porcupine.Operation
}

// clockSlack is by how much log time and the clock of this process may differ.
const clockSlack = 2 * time.Second

// histories makes the histories of a tenant. deaths tells when each server was gone; the last ones of a run have none. unjudged is how many
// reads are left out.
func (t *tenant) histories(start time.Time, deaths map[int]time.Duration) (list []history, unjudged int) {
	for i := range t.attempts {
		a := &t.attempts[i]
		if !a.result.unknown {
			continue
		}
		a.done = math.MaxInt64 // whoever has not seen an answer knows nothing, until the server is gone
		if death, ok := deaths[a.life]; ok {
			a.done = death
		}
	}
	kept := slices.DeleteFunc(slices.Clone(t.attempts), func(a attempt) bool {
		if a.call.kind != check && a.call.kind != read {
			return false
		}
		ahead := a.result.unknown || slices.ContainsFunc(t.attempts, func(b attempt) bool {
			return b.result.unknown && b.life == a.life && b.began < a.done
		})
		if ahead {
			unjudged++
		}
		return ahead
	})
	if !t.minute {
		return []history{newHistory(t, t.name, kept)}, unjudged
	}
	var periods []time.Time
	for _, a := range kept {
		if !a.period.IsZero() && !slices.Contains(periods, a.period) {
			periods = append(periods, a.period)
		}
	}
	for _, p := range periods {
		var part []attempt
		for _, a := range kept {
			if a.result.unknown && a.mayBeIn(start, p) || a.period.Equal(p) {
				a.call.elsewhere = slices.ContainsFunc(kept, func(b attempt) bool {
					return b.id == a.id && b.result.unknown && b.mayBeOutside(start, p)
				})
				part = append(part, a)
			}
		}
		list = append(list, newHistory(t, t.name+" "+p.Format(time.TimeOnly), part))
	}
	return list, unjudged
}

// mayBeIn reports whether a call without an answer may have been judged in the minute that begins at p.
func (a attempt) mayBeIn(start, p time.Time) bool {
	end := start.Add(a.done)
	if a.done == math.MaxInt64 {
		end = p
	}
	return start.Add(a.began).Before(p.Add(time.Minute+clockSlack)) && !end.Before(p.Add(-clockSlack))
}

// mayBeOutside reports whether it may have been judged in another minute, of which perhaps no answer tells.
func (a attempt) mayBeOutside(start, p time.Time) bool {
	return a.done == math.MaxInt64 || start.Add(a.began).Before(p.Add(clockSlack)) || start.Add(a.done).After(p.Add(time.Minute-clockSlack))
}

func newHistory(t *tenant, name string, attempts []attempt) history {
	h := history{name: name, limit: t.limit}
	numbers := make(map[string]int)
	for _, a := range attempts {
		if a.id != "" {
			n, ok := numbers[a.id]
			if !ok {
				n = len(numbers)
				numbers[a.id] = n
			}
			a.call.id = n
		}
		h.operations = append(h.operations, porcupine.Operation{ClientId: a.client, Input: a.call, Output: a.result,
			Call: int64(a.began), Return: int64(a.done)})
	}
	h.ids = len(numbers)
	return h
}
