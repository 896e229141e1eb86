package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/weirhq/weir/usage"
)

// PutMeter makes a meter, or changes the name and unit of one. Everything else of a meter is
// immutable: usage.Code(err) is meter_immutable then. It returns when the change is durable.
func (e *Engine) PutMeter(ctx context.Context, m usage.Meter) error {
	_, _, err := e.PutMeterIf(ctx, m, usage.Condition{})
	return err
}

// PutMeterIf is PutMeter under a condition, which is judged at the change's place in the log. It
// returns the meter as it is afterwards and whether it was made. An identical meter makes no new
// version. A meter that was deleted comes back, with its usage, if it is put as it was.
func (e *Engine) PutMeterIf(ctx context.Context, m usage.Meter, cond usage.Condition) (usage.MeterState, bool, error) {
	m = m.WithDefaults()
	if errs := m.Validate(); len(errs) > 0 {
		return usage.MeterState{}, false, errs[0]
	}
	if m.ValueProperty != "" && !strings.HasPrefix(m.ValueProperty, "metadata.") {
		return usage.MeterState{}, false, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/value_property",
			Detail: fmt.Sprintf("%q is never a number; name a property of metadata, such as metadata.tokens", m.ValueProperty)}
	}
	if _, err := compile(1, m, 0); err != nil {
		return usage.MeterState{}, false, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/aggregation", Detail: err.Error()}
	}
	res, err := e.submitConfig(ctx, &configEntry{Op: opMeterPut, Actor: actorOf(ctx), Meter: &m, Condition: cond})
	if err != nil {
		return usage.MeterState{}, false, err
	}
	st, _ := e.Meter(m.Slug)
	return st, res.verdict == configCreated, nil
}

// DeleteMeter archives a meter: it counts nothing more, its usage stays readable.
func (e *Engine) DeleteMeter(ctx context.Context, slug string) error {
	return e.DeleteMeterIf(ctx, slug, usage.Condition{})
}

// DeleteMeterIf is DeleteMeter under a condition.
func (e *Engine) DeleteMeterIf(ctx context.Context, slug string, cond usage.Condition) error {
	_, err := e.submitConfig(ctx, &configEntry{Op: opMeterDelete, Actor: actorOf(ctx), Slug: slug, Condition: cond})
	return err
}

// Meter returns a meter by slug, archived ones too.
func (e *Engine) Meter(slug string) (usage.MeterState, bool) {
	m := e.state.cfg.Load().bySlug[slug]
	if m == nil {
		return usage.MeterState{}, false
	}
	return m.state(), true
}

// Meters returns every meter in the order they were made, archived ones too.
func (e *Engine) Meters() []usage.MeterState {
	var out []usage.MeterState
	for _, m := range e.state.cfg.Load().meters {
		out = append(out, m.state())
	}
	return out
}

func (m *meter) state() usage.MeterState {
	return usage.MeterState{Meter: m.def.Clone(), Version: m.version, Archived: m.archived}
}

// applyEntry changes the configuration. A refusal is a result; an error halts: this binary does
// not understand the entry.
func (s *state) applyEntry(b *block, e *configEntry) (Result, error) {
	cfg := s.cfg.Load()
	switch e.Op {
	case opGenesis:
		return s.applyGenesis(b, e)
	case opMeterPut:
		return s.applyMeterPut(b, cfg, e)
	case opMeterDelete:
		return s.applyMeterDelete(b, cfg, e)
	case opPlanPut:
		return s.applyPlanPut(b, cfg, e)
	case opPlanDelete:
		return s.applyPlanDelete(b, cfg, e)
	case opTenantPut:
		return s.applyTenantPut(b, e)
	case opTenantDelete:
		return s.applyTenantDelete(b, e)
	case opTenantPlan:
		return s.applyPlanChange(b, cfg, e)
	case opOverridePut:
		return s.applyOverridePut(b, cfg, e)
	case opOverrideDelete:
		return s.applyOverrideDelete(b, e)
	case opSettingsPut:
		return s.applySettings(b, cfg, e)
	case opExpire:
		return s.applyExpire(b, cfg, e)
	case opAgesPut:
		return s.applyAgesPut(b, cfg, e)
	case opZonePut:
		return s.applyZonePut(b, cfg, e)
	case opKeyPut:
		return s.applyKeyPut(b, cfg, e)
	case opKeyRotate:
		return s.applyKeyRotate(b, cfg, e)
	case opKeyDelete:
		return s.applyKeyDelete(b, cfg, e)
	case opTick:
		return Result{verdict: configIdentical}, nil
	default:
		return Result{}, fmt.Errorf("entry of unknown kind %q: a newer weir wrote this log", e.Op)
	}
}

func (s *state) applyMeterDelete(b *block, cfg *config, e *configEntry) (Result, error) {
	old := cfg.bySlug[e.Slug]
	if old == nil || old.archived {
		return Result{verdict: rejected, err: cfg.noMeter(usage.CodeNotFound, "", e.Slug)}, nil
	}
	if err := holds(e.Condition, old); err != nil {
		return Result{verdict: rejected, err: err}, nil
	}
	m := *old
	m.archived, m.version, m.lives = true, b.index, ended(old.lives, b.index)
	s.publish(cfg.with(&m), &m)
	s.audit(b, e, "meter", e.Slug, old.def, nil)
	return Result{verdict: configChanged}, nil
}

func (s *state) applyGenesis(b *block, e *configEntry) (Result, error) {
	if b.index != 1 {
		return Result{}, fmt.Errorf("genesis at block %d", b.index)
	}
	s.secret, s.dir.secret = e.Secret, e.Secret
	for _, def := range e.Meters {
		def = def.WithDefaults()
		if _, err := s.applyMeterPut(b, s.cfg.Load(), &configEntry{Op: opMeterPut, Meter: &def}); err != nil {
			return Result{}, err
		}
	}
	s.publishKept(b.index, s.cfg.Load(), nothingExpired(b.nanos))
	return Result{verdict: configCreated}, nil
}

func (s *state) applyMeterPut(b *block, cfg *config, e *configEntry) (Result, error) {
	def := *e.Meter
	old := cfg.bySlug[def.Slug]
	if err := holds(e.Condition, old); err != nil {
		return Result{verdict: rejected, err: err}, nil
	}
	num, v := uint32(len(cfg.meters)+1), configCreated
	var before any
	if old != nil {
		before = old.def
		if !usage.MeterEqualButLabels(old.def, def) {
			return refused(usage.CodeMeterImmutable, fmt.Sprintf(
				"meter %q exists, and only its name and unit may change; make another meter with a new slug", def.Slug)), nil
		}
		if !old.archived && old.def.Name == def.Name && old.def.Unit == def.Unit {
			return Result{verdict: configIdentical}, nil
		}
		num = old.num
		if !old.archived {
			v = configChanged
		}
	} else if len(cfg.meters) >= metersMax {
		return refused(usage.CodeInvalidValue, fmt.Sprintf("a store has at most %d meters", metersMax)), nil
	}
	m, err := compile(num, def, b.index)
	if err != nil {
		return Result{}, err // another binary accepted it: halt
	}
	m.lives = begun(old, b.index)
	s.publish(cfg.with(m), m)
	s.audit(b, e, "meter", def.Slug, before, def)
	return Result{verdict: v}, nil
}

// publish makes next the configuration from the next block on, and keeps the digest in step.
func (s *state) publish(next *config, m *meter) {
	var key [5]byte
	key[0] = 'c'
	binary.BigEndian.PutUint32(key[1:], m.num)
	if cfg := s.cfg.Load(); int(m.num) <= len(cfg.meters) {
		s.cfgSum.sub(cfg.meters[m.num-1].hash(key[:]))
	}
	s.cfgSum.add(m.hash(key[:]))
	s.cfg.Store(next)
}

// hash is what the meter adds to the digest.
func (m *meter) hash(key []byte) sum128 {
	c := config{version: m.version, meters: []*meter{m}}
	return rowHash(key, c.encode())
}

// holds judges a condition against the meter as it is (nil: none).
func holds(cond usage.Condition, old *meter) *usage.Error {
	exists := old != nil && !old.archived
	switch {
	case cond.IfNoneMatchAny && exists:
		return &usage.Error{Code: usage.CodePrecondition, Detail: fmt.Sprintf("meter %q exists already", old.def.Slug)}
	case cond.IfMatch != 0 && (!exists || old.version != cond.IfMatch):
		return &usage.Error{Code: usage.CodePrecondition, Detail: "the meter was changed meanwhile; read it again, then repeat the change"}
	}
	return nil
}

func refused(code usage.ErrorCode, detail string) Result {
	return Result{verdict: rejected, err: &usage.Error{Code: code, Detail: detail}}
}
