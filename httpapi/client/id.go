package client

import (
	"time"

	"github.com/weirhq/weir/usage"
)

// NewID makes an id for an event or a call: a UUID of version 7 (RFC 9562). Ids that ascend with time are stored in fewer bytes.
func NewID() string { return usage.NewID(time.Now()) }
