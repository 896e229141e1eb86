package engine

import "sync"

// handoff carries prepared items from the committer to apply in the same process, so that a block
// need not be decoded and hashed again by the one who encoded it. It is an optimisation
// only: a block that is not found here is read from its bytes, and tests compare both ways.
//
// A proposal is recognised by the address of its block, which nobody else can have while the
// proposal is held here.
type handoff struct {
	mu struct {
		sync.Mutex
		waiting []*proposal // in the order of submission; a proposal that never came back is dropped with those before it
	}
}

// proposal is a block on its way.
type proposal struct {
	data  []byte
	nanos int64
	items []*item
}

func newHandoff() *handoff { return &handoff{} }

func (h *handoff) put(p *proposal) {
	h.mu.Lock()
	h.mu.waiting = append(h.mu.waiting, p)
	if len(h.mu.waiting) > 2*pipelineBlocksMax { // refused by the log, never applied
		h.mu.waiting = h.mu.waiting[1:]
	}
	h.mu.Unlock()
}

func (h *handoff) take(data []byte) *proposal {
	if len(data) == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, p := range h.mu.waiting {
		if &p.data[0] == &data[0] && len(p.data) == len(data) {
			h.mu.waiting = append(h.mu.waiting[:0], h.mu.waiting[i+1:]...)
			return p
		}
	}
	return nil
}
