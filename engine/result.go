package engine

import "github.com/weirhq/weir/usage"

// Verdict of apply over one item.
type verdict uint8

const (
	counted verdict = iota + 1
	duplicate
	conflict
	rejected
	denied          // a quota blocked it; nothing was counted
	checked         // it only asked
	configCreated   // a configuration entry made its object
	configChanged   // ... changed it
	configIdentical // ... left it as it was
)

// Result is what apply says of one item of a block.
type Result struct {
	verdict   verdict
	timeNanos int64        // the time the event counts at, when counted or duplicate
	err       *usage.Error // why, when rejected or in conflict
	judged    *judged      // what quotas said, of whatever asks them
}
