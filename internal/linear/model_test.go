package linear

// The sequential specification: one quota of one tenant, calls one after another.

import (
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"
)

// kind is what a call does.
type kind int

const (
	consume kind = iota
	reserve
	commit
	release
	void
	check
	read
	limit
)

func (k kind) String() string {
	return [...]string{"consume", "reserve", "commit", "release", "void", "check", "read", "limit"}[k]
}

// call is the input of an operation.
type call struct {
	kind  kind
	id    int   // of the history's ids, from 0; not for check, read and limit
	units int64 // asked for, committed, or the new limit
	held  int64 // of a commit or release: what was reserved; of a void: what was consumed
	// elsewhere says that the id may have counted in another period than that of this history.
	elsewhere bool
}

// result is the output of an operation.
type result struct {
	unknown        bool   // no answer: done or not done
	status         string // counted, duplicate, denied, checked, voided, or the code of a refusal
	used, reserved int64  // as answered; not for void and limit
}

// state is a quota. It is comparable.
type state struct {
	limit, used, reserved int64
	ids                   string // what became of each id: one of the letters below
}

const (
	unseen    = '.'
	consumed  = 'c'
	held      = 'h'
	committed = 'm'
	released  = 'r'
	voided    = 'v'
)

// apply is the specification: the state after a call, and its answer.
func (s state) apply(c call) (state, result) {
	fits := s.used+s.reserved+c.units <= s.limit
	switch c.kind {
	case consume, reserve:
		switch {
		case s.ids[c.id] != unseen:
			return s, s.answer("duplicate")
		case !fits:
			return s, s.answer("denied")
		case c.kind == consume:
			s.used += c.units
			s.become(c.id, consumed)
		default:
			s.reserved += c.units
			s.become(c.id, held)
		}
		return s, s.answer("counted")
	case commit:
		return s.close(c, committed, c.units)
	case release:
		return s.close(c, released, 0)
	case void:
		if s.ids[c.id] == voided {
			return s, result{status: "duplicate"}
		}
		s.used -= c.held
		s.become(c.id, voided)
		return s, result{status: "voided"}
	case check:
		if !fits {
			return s, s.answer("denied")
		}
		return s, s.answer("checked")
	case limit:
		s.limit = c.units
		return s, result{}
	default:
		return s, s.answer("")
	}
}

// close ends a hold; used is what of it counts.
func (s state) close(c call, as byte, used int64) (state, result) {
	switch s.ids[c.id] {
	case held:
		s.reserved -= c.held
		s.used += used
		s.become(c.id, as)
		return s, s.answer("counted")
	case as:
		return s, s.answer("duplicate")
	case committed:
		return s, result{status: "reservation_committed"}
	default:
		return s, result{status: "reservation_released"}
	}
}

func (s *state) become(id int, letter byte) {
	s.ids = s.ids[:id] + string(letter) + s.ids[id+1:]
}

func (s state) answer(status string) result {
	return result{status: status, used: s.used, reserved: s.reserved}
}

// next are the states that a call with this result may lead to.
func (s state) next(c call, r result) []state {
	after, want := s.apply(c)
	switch {
	case r.unknown && after == s:
		return []state{s}
	case r.unknown:
		return []state{s, after} // not done, or done
	case r == want:
		return []state{after}
	case c.elsewhere && r == s.answer("duplicate"): // it counted in another period
		return []state{s}
	}
	return nil
}

// specification is the model of a history with so many ids and the limit in force at its beginning.
func specification(ids int, startLimit int64) porcupine.Model {
	nondeterministic := porcupine.NondeterministicModel{
		Init: func() []any { return []any{state{limit: startLimit, ids: strings.Repeat(string(unseen), ids)}} },
		Step: func(s, in, out any) []any {
			var next []any
			for _, n := range s.(state).next(in.(call), out.(result)) {
				next = append(next, n)
			}
			return next
		},
		DescribeOperation: func(in, out any) string {
			c, r := in.(call), out.(result)
			if r.unknown {
				return fmt.Sprintf("%s #%d %d: no answer", c.kind, c.id, c.units)
			}
			return fmt.Sprintf("%s #%d %d: %s, used %d, reserved %d", c.kind, c.id, c.units, r.status, r.used, r.reserved)
		},
	}
	return nondeterministic.ToModel()
}
