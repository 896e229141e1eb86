package rollup

import "unsafe"

func sizeOf[T any](v T) uintptr { return unsafe.Sizeof(v) }

// unsafeString is a string that changes with b, as strings over a reused block buffer do.
func unsafeString(b []byte) string { return unsafe.String(&b[0], len(b)) }
