package usage

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patched reads a patch and applies it to a quota.
func patched(t *testing.T, base Quota, text string) Quota {
	t.Helper()
	var p QuotaPatch
	require.NoError(t, json.Unmarshal([]byte(text), &p))
	o, errs := p.Override("acme", base.Slug)
	require.Empty(t, errs, text)
	stored, err := json.Marshal(o) // as the log keeps it
	require.NoError(t, err)
	var again Override
	require.NoError(t, json.Unmarshal(stored, &again))
	q, err := again.Apply(base)
	require.NoError(t, err)
	return q
}

func TestOverrideApply(t *testing.T) {
	monthly := quotaOf(t, `{"period":"month","limit":100,"overage":5,"grace_period":"1h","throttle_at":0.9,"warning_thresholds":[80]}`).WithDefaults()
	rate := quotaOf(t, `{"rate":{"limit":10,"per":"1s"}}`).WithDefaults()
	for _, c := range []struct {
		base        Quota
		patch, want string // want: the members that differ
	}{
		{monthly, `{"limit":200}`, `{"limit":200}`},
		{monthly, `{"limit":null}`, `{"limit":null}`},
		{monthly, `{"overage":"unlimited","warn_at":null}`, `{"overage":"unlimited","warn_at":null}`},
		{monthly, `{"grace_period":null,"throttle_at":null}`, `{"grace_period":null,"throttle_at":null}`},
		{monthly, `{"warning_thresholds":[]}`, `{"warning_thresholds":[]}`},
		{monthly, `{"period":"day"}`, `{"period":"day"}`},
		{rate, `{"rate":{"limit":50,"per":"1m"}}`, `{"rate":{"limit":50,"per":"1m","burst":50}}`},
		{rate, `{"mode":"shadow","slug":"q"}`, `{"mode":"shadow"}`},
	} {
		before, _ := json.Marshal(c.base)
		want := c.base
		if c.base.Rate != nil {
			want.Rate = nil
			if !strings.Contains(c.want, "rate") {
				want.Rate = c.base.Rate
			}
		}
		copied, _ := json.Marshal(want)
		want = Quota{}
		require.NoError(t, json.Unmarshal(copied, &want))
		require.NoError(t, json.Unmarshal([]byte(c.want), &want))
		got := patched(t, c.base, c.patch).WithDefaults()
		require.Equal(t, want.WithDefaults(), got, c.patch)
		require.Empty(t, got.Validate(), c.patch)
		after, _ := json.Marshal(c.base)
		require.Equal(t, string(before), string(after), "the quota of the plan is not changed")
	}

	got := patched(t, monthly, `{"rate":{"limit":5,"per":"1s"}}`)
	require.Empty(t, got.Validate(), "a rate takes the place of the period")
	require.Equal(t, quotaOf(t, `{"scope":"tenant","mode":"enforce","on_error":"closed","rate":{"limit":5,"per":"1s"}}`), got)
	got = patched(t, rate, `{"period":"day","limit":5}`)
	require.Empty(t, got.Validate(), "a period takes the place of the rate")
	require.Nil(t, got.Rate)

	got = patched(t, rate, `{"limit":5}`)
	require.Equal(t, []string{"/limit invalid_value"}, found(got.Validate()), "a limit without a period has no place in a rate")
	got = patched(t, monthly, `{"rate":{"limit":5,"per":"1s"},"limit":3}`)
	require.Equal(t, []string{"/limit invalid_value"}, found(got.Validate()))

	none := quotaOf(t, `{"period":"month","limit":1,"warning_thresholds":[]}`)
	require.NotNil(t, patched(t, none, `{"limit":2}`).WarningThresholds, "no thresholds stay none")
}

func TestOverrideValidate(t *testing.T) {
	for text, want := range map[string][]string{
		`{}`:                                {" missing_field"},
		`{"slug":"other","limit":1}`:        {"/slug invalid_value"},
		`{"limit":"many","period":{"x":1}}`: {"/period invalid_value", "/limit invalid_value"},
		`{"scope":7}`:                       {"/scope wrong_type"},
		`{"warning_thresholds":[1.5]}`:      {"/warning_thresholds wrong_type"},
		`{"rate":{"limit":1,"per":"soon"}}`: {"/rate invalid_value"},
		`{"limit":1,"effective_from":"2030-01-01T00:00:00Z","effective_until":"2030-01-01T00:00:00Z"}`: {"/effective_until invalid_value"},
		`{"limit":1,"effective_until":"1950-01-01T00:00:00Z"}`:                                         {"/effective_until invalid_value"},
		`{"meter":"` + strings.Repeat("m", OverrideBytesMax) + `"}`:                                    {" too_large"},
	} {
		var p QuotaPatch
		require.NoError(t, json.Unmarshal([]byte(text), &p), text)
		_, errs := p.Override("acme", "q")
		require.Equal(t, want, found(errs), "%.80s", text)
	}
	o := Override{TenantID: "", Quota: "Q", Fields: []byte(`[]`)}
	require.Equal(t, []string{"/tenant_id missing_field", "/quota invalid_value", " missing_field"}, found(o.Validate()))
}

// The fields of a patch have one text, whatever their order and white space, so that an identical override is found to be so.
func TestOverrideFieldsAreCanonical(t *testing.T) {
	var texts []string
	for _, body := range []string{"{ \"limit\" : 5,\n\"mode\":\"soft\" }", `{"mode":"soft","limit":5}`} {
		var p QuotaPatch
		require.NoError(t, json.Unmarshal([]byte(body), &p))
		o, errs := p.Override("acme", "q")
		require.Empty(t, errs)
		texts = append(texts, string(o.Fields))
	}
	require.Equal(t, []string{`{"mode":"soft","limit":5}`, `{"mode":"soft","limit":5}`}, texts)
}

func TestOverrideIn(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	o := Override{EffectiveFrom: at(10), EffectiveUntil: at(20)}
	for s, want := range map[int64]bool{9: false, 10: true, 19: true, 20: false} {
		require.Equal(t, want, o.In(at(s)), s)
	}
	require.True(t, (&Override{}).In(at(0)))
}

// Every member of a quota can be overridden: a new one is not forgotten.
func TestQuotaPatchHasEveryField(t *testing.T) {
	q := quotaOf(t, `{"scope":"user","mode":"soft","period":"day","limit":1,"overage":1,"grace_period":"1s","warn_at":0.1,"throttle_at":0.2,
		"max_delay":"2s","warning_thresholds":[7],"rate":{"limit":1,"per":"1s"},"on_error":"open"}`)
	text, err := json.Marshal(q)
	require.NoError(t, err)
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &members))
	var p QuotaPatch
	require.NoError(t, json.Unmarshal(text, &p))
	require.Len(t, p.fields(), len(members)-1, "all but the slug")
	for _, f := range p.fields() {
		require.JSONEq(t, string(members[f.name]), string(f.value), f.name)
	}
}
