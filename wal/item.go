package wal

import (
	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// ItemKind says what an item of a block is.
type ItemKind uint8

// The kinds. The numbers are stored. A new kind is a new number, and older programs halt on it.
const (
	KindEvent  ItemKind = 1 // a usage event
	KindConfig ItemKind = 2 // a change of configuration: Body
	// KindConsume is usage that asks first: an event without time, or several items in Body.
	KindConsume ItemKind = 3
	// KindOperation is anything else that a client does to a tenant's numbers: a reservation, a lease and
	// what becomes of them, an adjustment. Body says which.
	KindOperation ItemKind = 4

	itemKindMax = KindOperation
)

// Operations of an item, as stored.
const (
	itemOpMax = 2 // 0 absent, 1 set, 2 add

	// itemOpBackfill is added to the stored operation of an event that may be of any age. It costs nothing in a block that has
	// none, and a program that does not know it refuses the block.
	itemOpBackfill = itemOpMax + 1
)

// Item is one entry of a block.
//
// Tenant and user are named by a dense number when they have one already (the usual case,
// and one or two bytes), else by their name; a name beside a number is not stored.
type Item struct {
	// What apply reads of every item comes first, side by side: one cache line.
	Kind      ItemKind
	Op        uint8         // operation on a latest meter: 0 absent, 1 set, 2 add
	HasTime   bool          // false: the event happens at log time
	Backfill  bool          // the bound of its age is lifted
	TenantNum uint32        // > 0: the tenant's number; 0: Tenant names it
	UserNum   uint32        // > 0: the user's number; 0: User names it; both zero: no user
	TimeNanos int64         // nanoseconds since the Unix epoch; meaningful when HasTime
	Quantity  usage.Decimal // may be absent

	Tenant  string
	User    string
	Feature string
	Source  string
	ID      string

	// Metadata is the JSON text as sent, nil when absent; decoding gives the same bytes.
	Metadata []byte

	// Spans says where the scalar values of Metadata are, ascending and disjoint. They only
	// help to store it in fewer bytes: nil, or wrong ones, cost size and nothing else. A
	// decoded item carries the spans that its block made use of, perhaps none.
	Spans []strictjson.Span

	// Body is the JSON of what has no columns of its own, such as a configuration item; nil when absent.
	Body []byte
}

// DecodedSize is what an item counts towards [BlockDecodedBytesMax]: the bytes of its
// strings and texts. It is exact and additive.
func DecodedSize(it *Item) int {
	size := len(it.Feature) + len(it.Source) + len(it.ID) + len(it.Metadata) + len(it.Body)
	if it.TenantNum == 0 {
		size += len(it.Tenant)
	}
	if it.UserNum == 0 {
		size += len(it.User)
	}
	return size
}
