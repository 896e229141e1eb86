package usage

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetention(t *testing.T) {
	for _, tc := range []struct{ in, out, pointer string }{
		{`{}`, `{"raw":null,"minute":"14d","quarter_hour":"400d","hour":null}`, ""},
		{`{"raw":null,"minute":null}`, `{"raw":null,"minute":null,"quarter_hour":null,"hour":null}`, ""},
		{`{"raw":"36d","minute":"1d","quarter_hour":"24h","hour":"30d"}`, `{"raw":"36d","minute":"1d","quarter_hour":"1d","hour":"30d"}`, ""},
		{`{"minute":"500d"}`, `{"raw":null,"minute":"500d","quarter_hour":"500d","hour":null}`, ""},
		{`{"raw":"35d23h"}`, "", "/retention/raw"},
		{`{"raw":"0s"}`, "", "/retention/raw"},
		{`{"minute":"23h"}`, "", "/retention/minute"},
		{`{"minute":"30d","quarter_hour":"29d"}`, "", "/retention/quarter_hour"},
		{`{"minute":null,"quarter_hour":"400d"}`, "", "/retention/quarter_hour"},
		{`{"hour":"399d"}`, "", "/retention/hour"},
		{`{"quarter_hour":null,"hour":"400d"}`, "", "/retention/hour"},
	} {
		var r Retention
		require.NoError(t, json.Unmarshal([]byte(tc.in), &r), tc.in)
		errs := (&Settings{Retention: r}).Validate()
		if tc.pointer != "" {
			require.NotEmpty(t, errs, tc.in)
			require.Equal(t, tc.pointer, errs[0].Pointer, tc.in)
			require.Equal(t, CodeInvalidValue, errs[0].Code, tc.in)
			continue
		}
		require.Empty(t, errs, tc.in)
		out, err := json.Marshal(r.WithDefaults())
		require.NoError(t, err)
		require.Equal(t, tc.out, string(out), tc.in)
	}
	for _, wrong := range []string{`5`, `"400"`, `"-1d"`, `{}`} {
		require.Error(t, new(Keep).UnmarshalJSON([]byte(wrong)), wrong)
	}
	d, ok := KeepFor(time.Hour).Length()
	require.True(t, ok)
	require.Equal(t, time.Hour, d)
	_, ok = KeepForever().Length()
	require.False(t, ok)
	require.True(t, Keep{}.IsZero())
}

// TestRetentionIsSentAsItIs: a class that nobody spoke of stays absent on its way, and is not kept for ever.
func TestRetentionIsSentAsItIs(t *testing.T) {
	want := Retention{Raw: KeepFor(RawKeepMin), Hour: KeepForever()}
	text, err := json.Marshal(want)
	if err != nil || string(text) != `{"raw":"36d","hour":null}` {
		t.Fatalf("%s, %v", text, err)
	}
	var got Retention
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Fatalf("%v, %v; want %v", got, err, want)
	}
}
