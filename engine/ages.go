package engine

import (
	"context"
	"fmt"
)

// ageLimits are the bounds of event timestamps against log time, in nanoseconds. Verdicts depend on them, so they are part of the
// configuration in the log: with another option the same log must not fold into another state.
type ageLimits struct {
	MaxAge   int64 `json:"max_age"`
	MaxAhead int64 `json:"max_ahead"`
}

var agesDefault = ageLimits{int64(maxAgeDefault), int64(maxAheadDefault)}

// enterAges brings the options of this Open into the log, when they differ from what holds.
func (e *Engine) enterAges(ctx context.Context) error {
	want := ageLimits{int64(e.opts.MaxAge), int64(e.opts.MaxAhead)}
	if want == e.state.cfg.Load().ages {
		return nil
	}
	if _, err := e.submitConfig(ctx, &configEntry{Op: opAgesPut, Actor: "weir", Ages: &want}); err != nil {
		return fmt.Errorf("enter MaxAge and MaxAhead: %w", err)
	}
	return nil
}

func (s *state) applyAgesPut(b *block, cfg *config, e *configEntry) (Result, error) {
	next := cfg.next(b.index)
	next.ages = *e.Ages
	s.cfgSum.sub(cfg.ages.hash())
	s.cfgSum.add(next.ages.hash())
	s.cfg.Store(next)
	s.audit(b, e, "ages", "", cfg.ages, next.ages)
	return Result{verdict: configChanged}, nil
}

// hash is what the limits add to the digest.
func (a ageLimits) hash() sum128 {
	if a == agesDefault {
		return sum128{}
	}
	return rowHash([]byte("ages"), mustJSON(a))
}
