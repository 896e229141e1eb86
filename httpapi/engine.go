package httpapi

import (
	"context"
	"io"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// Engine is what the API needs of an engine. All methods are safe for concurrent use. Whoever adds one says in bound.go what a
// key that is bound to tenants may do with it.
type Engine interface {
	// Record counts one event; the error is of the write as a whole (overloaded, failed,
	// unknown), what became of the event is in the Outcome.
	Record(ctx context.Context, ev usage.Event) (usage.Outcome, error)
	// RecordBatch counts each event by itself and answers in order. The strings and metadata
	// of all events may be parts of one array as large as the request body, and they are never
	// changed after the call: the engine may read them for as long as it wants, also after
	// it returned early, but it should clone the few that it keeps.
	RecordBatch(ctx context.Context, evs []usage.Event) ([]usage.Outcome, error)

	Events(ctx context.Context, f usage.EventFilter) (usage.EventPage, error)
	Event(ctx context.Context, tenant, source, id string) (usage.EventRecord, error)
	Void(ctx context.Context, v usage.Void) (usage.Outcome, error)
	Changed(ctx context.Context, q usage.Query, since uint64) (usage.Changes, error)
	Explain(ctx context.Context, q usage.Query, limit int, cursor string) (usage.Explanation, error)
	ExplainDecision(ctx context.Context, tenant, id string) (usage.Explanation, error)

	Meter(slug string) (usage.MeterState, bool)
	// Meters answers in the order of the slugs; archived meters may be among them.
	Meters() []usage.MeterState
	PutMeterIf(ctx context.Context, m usage.Meter, cond usage.Condition) (st usage.MeterState, created bool, err error)
	DeleteMeterIf(ctx context.Context, slug string, cond usage.Condition) error

	ConsumeAll(ctx context.Context, rs []usage.Request) ([]usage.Answer, []error, error)
	Check(r usage.Request) (usage.Answer, error)
	Reserve(ctx context.Context, r usage.Reservation) (usage.Answer, error)
	Commit(ctx context.Context, tenant, id string, actual usage.Decimal) (usage.Answer, error)
	Extend(ctx context.Context, tenant, id string, total usage.Decimal, ttl time.Duration) (usage.Answer, error)
	Release(ctx context.Context, tenant, id string) (usage.Answer, error)
	Adjust(ctx context.Context, a usage.Adjustment) (usage.Outcome, error)
	ResetQuota(ctx context.Context, r usage.Reset) (usage.Outcome, error)
	Reservation(tenant, id string) (usage.ReservationState, error)
	GrantLease(ctx context.Context, r usage.LeaseRequest) (usage.Answer, error)
	SettleLease(ctx context.Context, tenant, id string, used usage.Decimal, release bool) (usage.ReservationState, error)

	Plan(slug string) (usage.PlanState, bool)
	Plans() []usage.PlanState
	PlanVersions(slug string) []usage.PlanState
	PutPlanIf(ctx context.Context, p usage.Plan, apply string, cond usage.Condition) (usage.PlanState, bool, error)
	PlanTrial(p usage.Plan) (engine.PlanTrial, error)
	DeletePlan(ctx context.Context, slug string, cond usage.Condition) error
	Tenant(id string) (usage.TenantState, error)
	Tenants(f engine.TenantFilter) []engine.TenantEntry
	PutTenantIf(ctx context.Context, t usage.Tenant, cond usage.Condition) (usage.TenantState, bool, error)
	DeleteTenant(ctx context.Context, id string, cond usage.Condition) error
	ChangePlan(ctx context.Context, c usage.PlanChange) error
	PutOverrideIf(ctx context.Context, o usage.Override, cond usage.Condition) (bool, error)
	DeleteOverrideIf(ctx context.Context, tenant, quota string, cond usage.Condition) error
	Settings() (usage.Settings, uint64)
	PutSettings(ctx context.Context, s usage.Settings, cond usage.Condition) error
	Quotas(tenant, user string) ([]usage.QuotaStatus, error)
	FeatureQuotas(tenant, user, feature string) []usage.QuotaStatus
	OverLimit(tenant, user string) []usage.QuotaStatus
	Users(tenant, quota string, nearLimit bool, after uint32, limit int) (users []engine.UserQuotas, next uint32, err error)
	Outbox(ctx context.Context, after uint64, limit int) ([]usage.Crossing, error)
	OutboxOf(ctx context.Context, tenant string, at uint64, newest bool, limit int) ([]usage.Crossing, error)
	OutboxLast() uint64
	Audit(ctx context.Context, after uint64, limit int) ([]engine.AuditEntry, error)
	AuditLast() uint64
	Decisions(tenant string, decision usage.Decision, from time.Time, limit int) []engine.Decision
	DecisionsBefore(tenant string, decision usage.Decision, from time.Time, before uint64, limit int) []engine.Decision

	// Authenticate returns what a key may do, when the secret is its own. Its time tells nothing.
	Authenticate(id, secret string) (*usage.Key, bool)
	// SignWithKey returns the HMACs of a message that are valid for a key now; none when it is unknown or revoked.
	SignWithKey(id string, message []byte) [][]byte
	CreateKey(ctx context.Context, k usage.Key) (st usage.KeyState, secret string, err error)
	RotateKey(ctx context.Context, id string, overlap time.Duration) (st usage.KeyState, secret string, err error)
	DeleteKey(ctx context.Context, id string) error
	Key(id string) (usage.KeyState, error)
	Keys(after string, limit int) ([]usage.KeyState, error)

	// Admissible says why an event would be refused by itself, as of now.
	Admissible(ctx context.Context, ev usage.Event) error
	// TenantOfStripe is the tenant with a stripe_customer_id, or that id itself.
	TenantOfStripe(customer string) string

	Usage(ctx context.Context, q usage.Query) (usage.Rows, error)
	Top(ctx context.Context, q usage.TopQuery) (usage.Top, error)
	// TryEvent says what would be counted of an event, and counts nothing.
	TryEvent(ctx context.Context, meter string, ev usage.Event) (usage.EventTrial, error)
	Overview(ctx context.Context, q usage.OverviewQuery) (usage.Overview, error)
	Summary(ctx context.Context, tenant string) (usage.TenantSummary, error)
	Subscribe(o engine.SubscribeOptions) (*engine.Subscription, error)
	BillingPeriods(tenant string, n int) ([]usage.Interval, time.Time, error)
	Stats() usage.Stats
	MeterStats() []usage.MeterStats
	Storage(ctx context.Context, exact bool) ([]usage.StorageClass, error)
	// Backup writes a consistent copy of the store, and gives up when w fails.
	Backup(ctx context.Context, w io.Writer, progress func(done, total int64)) (*engine.BackupInfo, error)
	Health() []usage.HealthCheck
}
