package usage

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Answers are written with exactly the members of the API, nulls included, and times in UTC.
func TestAnswerJSON(t *testing.T) {
	east := time.Date(2026, 11, 1, 2, 0, 0, 0, time.FixedZone("east", 2*3600))
	binding, user, would, retry := "api-monthly", "u", DecisionBlock, int64(250)
	const status = `{"quota":"api-monthly","meter":"api_calls","scope":"tenant","user_id":null,"mode":"enforce","period":"month","limit":1000,` +
		`"used":812,"reserved":0,"remaining":188,"percentage":81.2,"overage_used":0,"exceeded":false,"decision":"warn","reason":null,"would":null,` +
		`"retry_after_ms":null,"on_error":"closed","period_start":"2026-11-01T00:00:00Z","reset_at":"2026-11-01T00:00:00Z"}`
	monthly := QuotaStatus{Quota: binding, Meter: "api_calls", Scope: ScopeTenant, Mode: ModeEnforce, Period: PeriodMonth, Limit: Int(1000), Used: Int(812),
		Reserved: Int(0), Remaining: Int(188), Percentage: FromUnits(812, 1), OverageUsed: Int(0), Decision: DecisionWarn, OnError: OnErrorClosed,
		PeriodStart: &east, ResetAt: &east}
	for _, c := range []struct {
		value any
		want  string
	}{
		{Answer{ID: "r1", Allowed: true, Decision: DecisionWarn, Status: StatusCounted, BindingQuota: &binding, Quotas: []QuotaStatus{monthly}},
			`{"id":"r1","allowed":true,"decision":"warn","reason":null,"status":"counted","delay_ms":0,"retry_after_ms":null,"binding_quota":"api-monthly","quotas":[` + status + `]}`},
		{Answer{Decision: DecisionBlock, Reason: ReasonThrottled, Status: StatusDenied, RetryAfterMS: &retry},
			`{"allowed":false,"decision":"block","reason":"throttled","status":"denied","delay_ms":0,"retry_after_ms":250,"binding_quota":null,"quotas":[]}`},
		{&Answer{ID: "h", Allowed: true, Decision: DecisionAllow, Status: StatusCounted, ReservationID: "h", ExpiresAt: east, Late: true},
			`{"id":"h","allowed":true,"decision":"allow","reason":null,"status":"counted","delay_ms":0,"retry_after_ms":null,"binding_quota":null,"quotas":[],` +
				`"reservation_id":"h","expires_at":"2026-11-01T00:00:00Z","late":true}`},
		{QuotaStatus{Quota: "q", Meter: "m", Scope: ScopeUser, UserID: &user, Mode: ModeShadow, Period: PeriodRate, Used: Int(1), Reserved: Int(0),
			OverageUsed: Int(0), Decision: DecisionAllow, Would: &would, RetryAfterMS: &retry, OnError: OnErrorOpen},
			`{"quota":"q","meter":"m","scope":"user","user_id":"u","mode":"shadow","period":"rate","limit":null,"used":1,"reserved":0,"remaining":null,` +
				`"percentage":null,"overage_used":0,"exceeded":false,"decision":"allow","reason":null,"would":"block","retry_after_ms":250,"on_error":"open",` +
				`"period_start":null,"reset_at":null}`},
		{Crossing{Number: 1, Index: 7, Time: east, TenantID: "t", Quota: "q", Meter: "m", Threshold: 90, Used: Int(9), Limit: Int(10), PeriodStart: east, Generation: 2},
			`{"number":1,"index":7,"time":"2026-11-01T00:00:00Z","tenant_id":"t","user_id":null,"quota":"q","meter":"m","threshold":90,"used":9,"limit":10,` +
				`"period_start":"2026-11-01T00:00:00Z","generation":2}`},
		{ReservationState{ID: "h", State: HoldHeld, Quantity: Int(5), Committed: Int(0), ExpiresAt: east},
			`{"reservation_id":"h","state":"held","quantity":5,"committed":0,"expires_at":"2026-11-01T00:00:00Z"}`},
	} {
		got, err := json.Marshal(c.value)
		require.NoError(t, err)
		require.Equal(t, c.want, string(got))
	}
	require.Equal(t, 2*3600, func() int { _, o := monthly.ResetAt.Zone(); return o }(), "the value itself is not changed")
}
