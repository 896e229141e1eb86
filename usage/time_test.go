package usage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-27T01:14:58Z":                "2026-11-27T01:14:58Z",
		"2026-11-27T01:14:58.5Z":              "2026-11-27T01:14:58.5Z",
		"2026-11-27T01:14:58.123456789+23:59": "2026-11-26T01:15:58.123456789Z",
		"2026-11-27T01:14:58-00:00":           "2026-11-27T01:14:58Z",
		"0001-01-01T00:00:00.1Z":              "0001-01-01T00:00:00.1Z",
		"9999-12-31T23:59:59Z":                "9999-12-31T23:59:59Z",
	} {
		got, ok := ParseTime([]byte(text))
		require.True(t, ok, text)
		require.Equal(t, time.UTC, got.Location())
		require.Equal(t, want, got.Format(time.RFC3339Nano), text)
	}
	for _, text := range []string{
		"", "Z", "2026-11-27", "2026-11-27T01:14:58", "2026-11-27T01:14:58,5Z", "2026-11-27T01:14:58.Z", "2026-11-27T01:14:58.1234567890Z",
		"2026-11-27T01:14:58+24:00", "2026-11-27T01:14:58+23:60", "2026-11-27T01:14:58+0100", "2026-11-27T01:14:58+01", "2026-11-27T01:14:58 01:00",
		"2026-11-27T1:00:00Z", "2026-11-27T001:00:00Z", "2026-11-27 01:00:00Z", "2026-11-27T01:00Z", "2026-11-27T24:00:00Z", "2026-13-01T00:00:00Z",
		"2026-02-29T00:00:00Z", "2026-11-27t01:14:58z", "2026-11-27T01:14:58ZZ", "2026-11-27T01:14:58Z ", " 2026-11-27T01:14:58Z",
		"0001-01-01T00:00:00Z", "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "99999-12-31T23:59:59Z", "tomorrow", "1764206098",
	} {
		_, ok := ParseTime([]byte(text))
		require.False(t, ok, text)
	}
	text := []byte("2026-11-27T01:14:58.5+01:00")
	require.Zero(t, testing.AllocsPerRun(100, func() { ParseTime(text) }))
}

// Whatever is taken is taken by the library too, and means the same.
func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2026-11-27T01:14:58Z", "2026-11-27T01:14:58,5Z", "2026-11-27T01:14:58.123456789-23:59", "2026-11-27T1:14:58+24:00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := ParseTime(text)
		if !ok {
			return
		}
		want, err := time.Parse(time.RFC3339Nano, string(text))
		require.NoError(t, err)
		require.True(t, got.Equal(want), "%q", text)
		again, ok := ParseTime([]byte(got.Format(time.RFC3339Nano)))
		require.True(t, ok && again.Equal(got), "%q", text)
	})
}

func TestPlanChangeTime(t *testing.T) {
	for effective, want := range map[string][]string{
		"": nil, "now": nil, "period_end": nil, "2030-01-31T00:00:00Z": nil, "2030-01-31T00:00:00+01:00": nil,
		"2030-01-31T1:00:00Z": {"/effective invalid_value"}, "2030-01-31T00:00:00,5Z": {"/effective invalid_value"}, "soon": {"/effective invalid_value"},
	} {
		c := PlanChange{TenantID: "t", Plan: "p", Effective: effective}
		require.ElementsMatch(t, want, found(c.Validate()), effective)
	}
}
