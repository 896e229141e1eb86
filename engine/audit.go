package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// The audit is a chain: every entry carries the SHA-256 of the stored bytes of the one before, so that none can be changed, left
// out or put in later without breaking every hash after it. It is a fold over the log like all state; the chain keeps it
// checkable also when the log before it has been dropped, and outside of weir.

// AuditEntry is an entry of the audit.
type AuditEntry = usage.AuditEntry

// auditStart is what the first entry of a chain carries.
var auditStart = strings.Repeat("0", 2*sha256.Size)

func auditHash(stored []byte) string {
	sum := sha256.Sum256(stored)
	return hex.EncodeToString(sum[:])
}

type (
	actorKey   struct{}
	requestKey struct{}
	origin     struct{ id, trace string }
)

// WithActor names who makes the changes of configuration that are made with ctx, for the audit.
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

func actorOf(ctx context.Context) string {
	actor, _ := ctx.Value(actorKey{}).(string)
	return actor
}

// WithRequest names the request that changes made with ctx belong to, for the audit: its id and its W3C traceparent; either
// may be empty.
func WithRequest(ctx context.Context, id, traceparent string) context.Context {
	return context.WithValue(ctx, requestKey{}, origin{id, traceparent})
}

func requestOf(ctx context.Context) (id, traceparent string) {
	o, _ := ctx.Value(requestKey{}).(origin)
	return o.id, o.trace
}

// audit enters a change. The caller is apply.
func (s *state) audit(b *block, e *configEntry, kind, target string, before, after any) {
	if target != "" {
		kind += "/" + target
	}
	s.enter(&AuditEntry{
		Index: b.index, Time: time.Unix(0, b.nanos).UTC(), Actor: e.Actor, RequestID: e.RequestID, Trace: e.Trace,
		Action: e.Op, Target: kind, Before: mustJSON(before), After: mustJSON(after),
	})
}

// enter appends an entry to the chain. The caller is apply.
func (s *state) enter(entry *AuditEntry) {
	entry.Number, entry.Prev = s.audits.next(), s.auditHead
	row := mustJSON(entry)
	s.auditHead = auditHash(row)
	s.audits.add(row, 0)
}

// Audit returns at most limit changes of configuration after a number, the oldest first.
func (e *Engine) Audit(ctx context.Context, after uint64, limit int) ([]AuditEntry, error) {
	if e.closed.Load() {
		return nil, usage.ErrClosed
	}
	durable := e.log.DurableIndex()
	var out []AuditEntry
	err := e.state.audits.read(e.store, after, limit, func(_ uint64, value []byte) (bool, error) {
		var entry AuditEntry
		if err := json.Unmarshal(value, &entry); err != nil {
			return false, err
		}
		if entry.Index > durable {
			return false, nil
		}
		entry.Hash = auditHash(value)
		out = append(out, entry)
		return ctx.Err() == nil, nil
	})
	return out, err
}

// AuditLast is the number of the newest entry; 0: there is none.
func (e *Engine) AuditLast() uint64 { return e.state.audits.next() - 1 }

// loadAuditHead finds the end of the chain in a store that holds n entries.
func (s *state) loadAuditHead(view *wal.View, n uint64) error {
	if n == 0 {
		return nil
	}
	found, err := view.Get(wal.AppendAuditKey(nil, n), func(row []byte) error {
		s.auditHead = auditHash(row)
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: entry %d of the audit is missing", wal.ErrCorrupt, n)
	}
	return err
}

// compareAudit walks the stored chain.
func (v *verifier) compareAudit() error {
	want := auditStart
	lower, upper := wal.ClassBounds(wal.ClassAudit)
	return v.view.Scan(lower, upper, func(key, row []byte) error {
		number, err := wal.ParseNumber(key, wal.ClassAudit)
		if err != nil {
			return err
		}
		var entry AuditEntry
		if err := json.Unmarshal(row, &entry); err != nil {
			return fmt.Errorf("%w: entry %d of the audit: %w", wal.ErrCorrupt, number, err)
		}
		if entry.Prev != want || entry.Number != number {
			return fmt.Errorf("%w: the chain of the audit breaks at entry %d: it does not follow the entry before: it names %.16s, that is %.16s",
				ErrMismatch, number, entry.Prev, want)
		}
		want = auditHash(row)
		return nil
	})
}
