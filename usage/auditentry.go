package usage

import (
	"encoding/json"
	"time"
)

// AuditEntry is one change of configuration, or a correction: who, when, what it was before and after.
type AuditEntry struct {
	Number    uint64          `json:"number"` // from 1 without gaps
	Index     uint64          `json:"index"`  // log index of the change
	Time      time.Time       `json:"time"`   // log time
	Actor     string          `json:"actor"`  // key:<id>, local, or what an embedding program says; "" for that program itself
	Action    string          `json:"action"`
	Target    string          `json:"target"`
	Before    json.RawMessage `json:"before"`
	After     json.RawMessage `json:"after"`
	RequestID string          `json:"request_id,omitempty"` // of the call that made it
	Trace     string          `json:"traceparent,omitempty"`
	Prev      string          `json:"prev"`           // hash of the entry before, in hex; of the first one 64 zeros
	Hash      string          `json:"hash,omitempty"` // of this entry; computed when it is read, never stored
}
