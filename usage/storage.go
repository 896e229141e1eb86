package usage

import "time"

// StorageClass is one class of data: how long it is kept, since when there is any, and what it takes.
type StorageClass struct {
	Class string     `json:"class"` // events, ids, minute, quarter_hour, hour, day, groups, rest, base
	Keep  Keep       `json:"keep"`  // null: for ever
	Since *time.Time `json:"since"` // what is older has expired; null: nothing has
	Bytes *int64     `json:"bytes"` // on the disk, estimated; null: not measured
}
