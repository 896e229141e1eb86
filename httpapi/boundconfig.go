package httpapi

import (
	"context"
	"io"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// What belongs to no tenant, as a bound key sees it: it can be read, and not changed. Keys and the audit are of all tenants.

func (b *bound) Meter(slug string) (usage.MeterState, bool) { return b.all.Meter(slug) }
func (b *bound) Meters() []usage.MeterState                 { return b.all.Meters() }

func (b *bound) PutMeterIf(context.Context, usage.Meter, usage.Condition) (usage.MeterState, bool, error) {
	return usage.MeterState{}, false, errNotOfATenant
}

func (b *bound) DeleteMeterIf(context.Context, string, usage.Condition) error { return errNotOfATenant }

func (b *bound) Plan(slug string) (usage.PlanState, bool)   { return b.all.Plan(slug) }
func (b *bound) Plans() []usage.PlanState                   { return b.all.Plans() }
func (b *bound) PlanVersions(slug string) []usage.PlanState { return b.all.PlanVersions(slug) }
func (b *bound) PlanTrial(usage.Plan) (engine.PlanTrial, error) {
	return engine.PlanTrial{}, errNotOfATenant
}

func (b *bound) PutPlanIf(context.Context, usage.Plan, string, usage.Condition) (usage.PlanState, bool, error) {
	return usage.PlanState{}, false, errNotOfATenant
}

func (b *bound) DeletePlan(context.Context, string, usage.Condition) error { return errNotOfATenant }

func (b *bound) Settings() (usage.Settings, uint64) { return b.all.Settings() }

func (b *bound) PutSettings(context.Context, usage.Settings, usage.Condition) error {
	return errNotOfATenant
}

func (b *bound) Audit(context.Context, uint64, int) ([]engine.AuditEntry, error) {
	return nil, errNotOfATenant
}

// AuditLast and OutboxLast are numbers that say nothing by themselves.
func (b *bound) AuditLast() uint64  { return b.all.AuditLast() }
func (b *bound) OutboxLast() uint64 { return b.all.OutboxLast() }

// Authenticate and SignWithKey are asked before a key is bound; nothing is here for handlers.
func (b *bound) Authenticate(string, string) (*usage.Key, bool) { return nil, false }
func (b *bound) SignWithKey(string, []byte) [][]byte            { return nil }

func (b *bound) Key(string) (usage.KeyState, error)         { return usage.KeyState{}, errNotOfATenant }
func (b *bound) Keys(string, int) ([]usage.KeyState, error) { return nil, errNotOfATenant }
func (b *bound) DeleteKey(context.Context, string) error    { return errNotOfATenant }

func (b *bound) CreateKey(context.Context, usage.Key) (usage.KeyState, string, error) {
	return usage.KeyState{}, "", errNotOfATenant
}

func (b *bound) RotateKey(context.Context, string, time.Duration) (usage.KeyState, string, error) {
	return usage.KeyState{}, "", errNotOfATenant
}

func (b *bound) Backup(context.Context, io.Writer, func(done, total int64)) (*engine.BackupInfo, error) {
	return nil, errNotOfATenant
}

func (b *bound) Storage(ctx context.Context, exact bool) ([]usage.StorageClass, error) {
	return b.all.Storage(ctx, exact)
}

func (b *bound) Stats() usage.Stats             { return b.all.Stats() }
func (b *bound) MeterStats() []usage.MeterStats { return b.all.MeterStats() }
func (b *bound) Health() []usage.HealthCheck    { return b.all.Health() }
