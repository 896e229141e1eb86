package civil

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWholeFrom(t *testing.T) {
	const y2000 = 946_684_800
	for _, tc := range []struct {
		zone        string
		hours, days bool
	}{
		{"UTC", true, true}, {"Europe/Berlin", true, false}, {"Asia/Kolkata", false, false}, {"Australia/Lord_Howe", false, false},
		{"Africa/Abidjan", true, true}, {"Africa/Monrovia", true, true}, {"Europe/London", true, false},
	} {
		table, err := NewTable(tc.zone)
		require.NoError(t, err)
		require.Equal(t, tc.hours, table.WholeFrom(y2000, 3600), tc.zone)
		require.Equal(t, tc.days, table.WholeFrom(y2000, secondsPerDay), tc.zone)
	}
	table, err := NewTable("Africa/Monrovia") // on -0:44:30 until 1972
	require.NoError(t, err)
	require.False(t, table.WholeFrom(0, 3600))
}
