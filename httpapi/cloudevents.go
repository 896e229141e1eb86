package httpapi

// CloudEvents 1.0 on POST /v1/events: structured and batch mode by their media types, binary mode by its headers. How one is read:
// package compat.

import (
	"github.com/weirhq/weir/httpapi/compat"
	"github.com/weirhq/weir/usage"
)

const (
	mediaCloud      = "application/cloudevents+json"
	mediaCloudBatch = "application/cloudevents-batch+json"
)

// postCloudEvents records one event in structured mode, answered as one event, or a batch, answered as one.
func (c *call) postCloudEvents(many bool) {
	doc, err := c.wholeBody()
	if err != nil {
		c.writeError(err)
		return
	}
	b := getBatch()
	b.cloud = true
	if err := b.parseCloud(doc, many); err != nil {
		putBatch(b)
		c.writeError(err)
		return
	}
	if many {
		c.postBatch(b)
		return
	}
	c.postSingle(b)
}

// parseCloud reads a body in structured or batch mode.
func (b *batch) parseCloud(doc []byte, many bool) error {
	b.doc = doc
	b.parser.Reset(doc)
	var err error
	if many {
		err = b.parseArray()
	} else {
		b.events = append(b.events, usage.Event{})
		err = b.parseOne(&b.events[0])
	}
	if err == nil {
		err = b.parser.End()
	}
	if err != nil {
		return b.refusal(err)
	}
	return nil
}

// postBinary records one event in binary mode.
func (c *call) postBinary() {
	doc, err := c.wholeBody()
	if err != nil {
		c.writeError(err)
		return
	}
	b := getBatch()
	b.cloud = true
	b.events = append(b.events, usage.Event{})
	if err := compat.ReadBinary(c.r.Header, doc, &b.events[0]); err != nil {
		putBatch(b)
		c.writeError(jsonError(err))
		return
	}
	c.postSingle(b)
}
