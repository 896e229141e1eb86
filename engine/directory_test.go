package engine

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// TestTenantLines holds the lines that Allowed and apply wait for: the allocator must begin a tenant on a cache line, and no
// field that is read with others may stand across one more.
func TestTenantLines(t *testing.T) {
	const line = 64
	var x tenant
	require.EqualValues(t, 2*line, unsafe.Sizeof(x.shard)+unsafe.Sizeof(x.face), "what Allowed reads")
	require.EqualValues(t, 3*line, unsafe.Offsetof(x.first))
	require.EqualValues(t, 5*line, unsafe.Sizeof(x))
	on := make([]*tenant, 1000)
	for i := range on {
		on[i] = new(tenant)
		require.Zero(t, uintptr(unsafe.Pointer(on[i]))%line, "a tenant")
	}
}
