package usage

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// found lists errors as "pointer code".
func found(errs []*Error) []string {
	out := []string{}
	for _, e := range errs {
		out = append(out, e.Pointer+" "+string(e.Code))
	}
	return out
}

// quotaOf reads a quota with slug and meter.
func quotaOf(t require.TestingT, text string) Quota {
	q := Quota{Slug: "q", Meter: "m"}
	require.NoError(t, json.Unmarshal([]byte(text), &q), text)
	return q
}

func TestQuotaValidate(t *testing.T) {
	for text, want := range map[string][]string{
		`{"period":"month","limit":100}`: {},
		`{"period":"month","limit":null,"overage":"unlimited","grace_period":null,"warn_at":null,"throttle_at":0.95,"warning_thresholds":[]}`: {},
		`{"period":{"sliding":"1h"},"limit":"0.5","overage":0}`:                                                                               {},
		`{"period":{"first_use":"30d"},"limit":0,"throttle_at":1,"max_delay":"1m"}`:                                                           {},
		`{"rate":{"limit":10,"per":"1s"},"scope":"user","mode":"shadow","on_error":"open"}`:                                                   {},

		`{}`:                               {"/period missing_field", "/limit missing_field"},
		`{"period":"month"}`:               {"/limit missing_field"},
		`{"limit":1}`:                      {"/period missing_field"},
		`{"period":"fortnight","limit":1}`: {"/period invalid_value"},
		`{"period":"sliding","limit":1}`:   {"/period/sliding invalid_value"},
		`{"period":{"sliding":"999ms"},"limit":1}`:                                                      {"/period/sliding invalid_value"},
		`{"period":{"first_use":"3654d"},"limit":1}`:                                                    {"/period/first_use invalid_value"},
		`{"period":"month","limit":-1,"overage":-1}`:                                                    {"/limit invalid_value", "/overage invalid_value"},
		`{"period":"month","limit":1,"warn_at":1.1,"throttle_at":-0.1}`:                                 {"/warn_at invalid_value", "/throttle_at invalid_value"},
		`{"period":"month","limit":1,"warn_at":80}`:                                                     {"/warn_at invalid_value"},
		`{"period":"month","limit":1,"warn_at":0.1234567891}`:                                           {"/warn_at invalid_value"},
		`{"period":"lifetime","limit":1,"throttle_at":0.9}`:                                             {"/throttle_at invalid_value"},
		`{"period":{"sliding":"1h"},"limit":1,"throttle_at":0.9}`:                                       {"/throttle_at invalid_value"},
		`{"period":"month","limit":1,"scope":"team","mode":"hard","on_error":"maybe"}`:                  {"/scope invalid_value", "/mode invalid_value", "/on_error invalid_value"},
		`{"period":"month","limit":1,"warning_thresholds":[0,1,1000,1001,1]}`:                           {"/warning_thresholds/0 invalid_value", "/warning_thresholds/3 invalid_value", "/warning_thresholds/4 invalid_value"},
		`{"period":"month","limit":1,"warning_thresholds":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}`: {"/warning_thresholds invalid_value"},
		`{"rate":{"limit":10,"per":"1s"},"period":"month","limit":1,"overage":1,"grace_period":"1s","throttle_at":0.5}`: {
			"/period invalid_value", "/limit invalid_value", "/overage invalid_value", "/grace_period invalid_value", "/throttle_at invalid_value"},
		`{"rate":{}}`: {"/rate/limit missing_field", "/rate/per missing_field"},
		`{"rate":{"limit":0,"per":"32d","burst":0}}`: {"/rate/limit invalid_value", "/rate/per invalid_value", "/rate/burst invalid_value"},
	} {
		q := quotaOf(t, text)
		require.Equal(t, want, found(q.Validate()), text)
	}
	q := quotaOf(t, `{"slug":"Api","meter":"","period":"monthly","limit":1}`)
	errs := q.Validate()
	require.Equal(t, []string{"/slug invalid_value", "/meter missing_field", "/period invalid_value"}, found(errs))
	require.Contains(t, errs[2].Detail, `did you mean "month"?`)
}

func TestQuotaCannotBeRead(t *testing.T) {
	for text, code := range map[string]ErrorCode{
		`{"period":{"rolling":"1h"}}`:                  CodeInvalidValue,
		`{"period":{"sliding":"1h","first_use":"1h"}}`: CodeInvalidValue,
		`{"period":{}}`:                                CodeInvalidValue,
		`{"period":{"sliding":3}}`:                     CodeInvalidValue,
		`{"period":7}`:                                 CodeWrongType,
		`{"limit":"many"}`:                             CodeInvalidValue,
		`{"overage":"some"}`:                           CodeInvalidValue,
		`{"grace_period":"1 week"}`:                    CodeInvalidValue,
	} {
		var q Quota
		require.Equal(t, code, Code(json.Unmarshal([]byte(text), &q)), text)
	}
}

// What is written reads back as the same quota: absent stays absent, null stays null, zero stays zero.
func TestQuotaJSON(t *testing.T) {
	for _, text := range []string{
		`{"slug":"q","meter":"m"}`,
		`{"slug":"q","meter":"m","scope":"user","mode":"soft","period":"month","limit":null,"overage":"unlimited","warn_at":null,"throttle_at":0.95,"warning_thresholds":[]}`,
		`{"slug":"q","meter":"m","period":{"sliding":"1h30m"},"limit":0,"overage":2.5,"grace_period":"0s","max_delay":"250ms","warning_thresholds":[50]}`,
		`{"slug":"q","meter":"m","period":{"first_use":"30d"},"limit":9007199254740993}`,
		`{"slug":"q","meter":"m","rate":{"limit":10,"per":"1s","burst":20},"on_error":"open"}`,
	} {
		q := quotaOf(t, text)
		got, err := json.Marshal(q)
		require.NoError(t, err)
		require.Equal(t, text, string(got))
	}
	got, err := json.Marshal(quotaOf(t, `{"period":"day","limit":5}`).WithDefaults())
	require.NoError(t, err)
	require.Equal(t, `{"slug":"q","meter":"m","scope":"tenant","mode":"enforce","period":"day","limit":5,"warn_at":0.8,"throttle_at":null,`+
		`"max_delay":"1s","warning_thresholds":[50,75,90,100],"on_error":"closed"}`, string(got))
	got, err = json.Marshal(quotaOf(t, `{"rate":{"limit":10,"per":"60000ms"}}`).WithDefaults())
	require.NoError(t, err)
	require.Equal(t, `{"slug":"q","meter":"m","scope":"tenant","mode":"enforce","rate":{"limit":10,"per":"1m","burst":10},"on_error":"closed"}`, string(got))
}

// Defaults change nothing when they are filled in twice, and never the value that they were asked of.
func TestQuotaWithDefaults(t *testing.T) {
	for _, text := range []string{`{"period":"day","limit":5}`, `{"rate":{"limit":10,"per":"1s"}}`, `{"period":"day","limit":5,"warning_thresholds":[],"warn_at":null}`} {
		q := quotaOf(t, text)
		before, _ := json.Marshal(q)
		full := q.WithDefaults()
		require.Equal(t, full, full.WithDefaults())
		after, _ := json.Marshal(q)
		require.Equal(t, string(before), string(after))
	}
	q := quotaOf(t, `{"period":"day","limit":5,"warning_thresholds":[],"warn_at":null}`).WithDefaults()
	require.Empty(t, q.WarningThresholds, "no thresholds is not the default ones")
	require.True(t, q.WarnAt.IsNull())
}

func TestDurationText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Range(0, int64(DurationMax)/1e6).Draw(t, "ms") * 1e6)
		got, err := ParseDuration(d.String())
		require.NoError(t, err)
		require.Equal(t, time.Duration(d), got)
	})
	for text, want := range map[string]string{"60m": "1h", "1s1s": "2s", "36525d": "36525d", "0ms": "0s", "90061001ms": "1d1h1m1s1ms"} {
		var d Duration
		require.NoError(t, d.UnmarshalText([]byte(text)))
		require.Equal(t, want, d.String())
	}
}

func TestPlanValidate(t *testing.T) {
	for text, want := range map[string][]string{
		`{"slug":"pro","name":"Pro","currency":"EUR","billing_period":"month","quotas":[{"slug":"a","meter":"m","period":"day","limit":1}],"prices":null}`: {},
		`{"slug":"free","quotas":[]}`: {},
		`{"slug":"","currency":"euro","billing_period":"week","quotas":[{"slug":"a","meter":"m","period":"day"},{"slug":"a","meter":"m","rate":{"limit":1,"per":"1s"}}],"prices":[],"base_fee":"9.99"}`: {
			"/slug missing_field", "/currency invalid_value", "/billing_period invalid_value", "/quotas/0/limit missing_field",
			"/quotas/1/slug invalid_value", "/prices invalid_value", "/base_fee invalid_value"},
	} {
		var p Plan
		require.NoError(t, json.Unmarshal([]byte(text), &p))
		require.Equal(t, want, found(p.Validate()), text)
	}
	p := Plan{Slug: "p", Quotas: make([]Quota, PlanQuotasMax+1)}
	require.Equal(t, []string{"/quotas invalid_value"}, found(p.Validate()))

	full := Plan{Slug: "p", Quotas: []Quota{quotaOf(t, `{"period":"day","limit":5}`)}}
	filled := full.WithDefaults()
	require.Equal(t, []string{"p", "month", "enforce"}, []string{filled.Name, filled.BillingPeriod, filled.Quotas[0].Mode})
	require.Empty(t, full.Quotas[0].Mode, "the plan itself is not changed")
}

func TestTenantAndSettingsValidate(t *testing.T) {
	ok := Tenant{ID: "acme", Name: "Acme", Plan: "pro", TimeZone: "Europe/Berlin", BillingAnchor: time.Date(2026, 1, 31, 12, 45, 0, 0, time.UTC)}
	require.Empty(t, ok.Validate())
	bad := Tenant{Name: "a\nb", Plan: "Pro", BillingAnchor: time.Date(1960, 1, 1, 0, 0, 1, 0, time.UTC), Metadata: make([]byte, TenantMetadataBytesMax+1),
		StripeCustomerID: strings.Repeat("x", 129)}
	require.Equal(t, []string{"/id missing_field", "/name invalid_value", "/plan invalid_value", "/billing_anchor invalid_value", "/billing_anchor invalid_value",
		"/metadata too_large", "/stripe_customer_id invalid_value"}, found(bad.Validate()))
	ok.BillingAnchor = ok.BillingAnchor.Add(time.Nanosecond)
	require.Equal(t, []string{"/billing_anchor invalid_value"}, found(ok.Validate()))

	for text, want := range map[string][]string{
		`{}`: {},
		`{"default_plan":"free","unknown_tenants":"reject","upgrade_url":"https://example.com/up","retention":{"raw":"400d","minute":null}}`: {},
		`{"default_plan":"","unknown_tenants":"ignore","upgrade_url":"javascript:alert(1)"}`: {
			"/default_plan missing_field", "/unknown_tenants invalid_value", "/upgrade_url invalid_value"},
	} {
		var s Settings
		require.NoError(t, json.Unmarshal([]byte(text), &s))
		require.Equal(t, want, found(s.Validate()), text)
	}
	for effective, want := range map[string][]string{
		"": {}, "now": {}, "period_end": {}, "2030-01-31T00:00:00+01:00": {}, "tomorrow": {"/effective invalid_value"}, "2300-01-01T00:00:00Z": {"/effective invalid_value"},
	} {
		c := PlanChange{TenantID: "acme", Plan: "pro", Effective: effective}
		require.Equal(t, want, found(c.Validate()), effective)
	}
	require.Equal(t, []string{"/tenant_id missing_field", "/plan missing_field", "/version invalid_value"}, found((&PlanChange{Version: -1}).Validate()))
}
