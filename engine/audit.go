package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/weirhq/weir/usage"
)

// AuditEntry is one change of configuration: who, when, what it was before and after.
type AuditEntry struct {
	Number uint64          `json:"number"` // from 1 without gaps
	Index  uint64          `json:"index"`  // log index of the change
	Time   time.Time       `json:"time"`   // log time
	Actor  string          `json:"actor"`  // as WithActor said; "" for the embedding program itself
	Action string          `json:"action"`
	Target string          `json:"target"`
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

type actorKey struct{}

// WithActor names who makes the changes of configuration that are made with ctx, for the audit.
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

func actorOf(ctx context.Context) string {
	actor, _ := ctx.Value(actorKey{}).(string)
	return actor
}

// audit enters a change. The caller is apply.
func (s *state) audit(b *block, e *configEntry, kind, target string, before, after any) {
	action := e.Op
	if target != "" {
		target = kind + "/" + target
	} else {
		target = kind
	}
	s.audits.add(mustJSON(AuditEntry{
		Number: s.audits.next(), Index: b.index, Time: time.Unix(0, b.nanos).UTC(), Actor: e.Actor,
		Action: action, Target: target, Before: mustJSON(before), After: mustJSON(after),
	}))
}

// Audit returns at most limit changes of configuration after a number, the oldest first.
func (e *Engine) Audit(ctx context.Context, after uint64, limit int) ([]AuditEntry, error) {
	if e.closed.Load() {
		return nil, usage.ErrClosed
	}
	var out []AuditEntry
	err := e.state.audits.read(e.store, after, limit, func(_ uint64, value []byte) (bool, error) {
		var entry AuditEntry
		err := json.Unmarshal(value, &entry)
		out = append(out, entry)
		return ctx.Err() == nil, err
	})
	return out, err
}
