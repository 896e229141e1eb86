package httpapi

import (
	"strconv"
	"strings"
	"sync"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// requestFields and itemFields are the members of a request and of its items, for "did you mean".
var (
	requestFields = []string{"id", "tenant_id", "user_id", "feature_type", "quantity", "metadata", "op", "items"}
	itemFields    = []string{"feature_type", "quantity", "op", "metadata"}
)

// consumeBatchMax is how many requests a batch may hold.
const consumeBatchMax = 1000

// requests reads consumes and checks by hand, with the tools of batch. Pooled; what it reads aliases the body.
type requests struct {
	batch
	requests []usage.Request
	places   []int   // of requests in the batch
	listed   []bool  // of requests: it has a list of items
	errs     []error // by place; nil: the next of requests
}

var requestsPool = sync.Pool{New: func() any { return new(requests) }}

func getRequests() *requests { return requestsPool.Get().(*requests) }

func putRequests(p *requests) {
	clear(p.requests)
	p.parser.Reset(nil)
	p.doc, p.requests, p.places, p.listed, p.errs = nil, p.requests[:0], p.places[:0], p.listed[:0], nil
	requestsPool.Put(p)
}

// parseOne reads the body of one request.
func (p *requests) parseOne(doc []byte) (r usage.Request, listed bool, err error) {
	p.doc = doc
	p.parser.Reset(doc)
	if listed, err = p.parseRequest(&r); err == nil {
		err = p.parser.End()
	}
	if err != nil {
		return r, listed, p.refusal(err)
	}
	return r, listed, nil
}

// parseMany reads {"requests": [...]}. A request that is well-formed but wrong is refused for itself.
func (p *requests) parseMany(doc []byte) error {
	p.doc = doc
	p.parser.Reset(doc)
	err := p.parseBatch()
	if err == nil {
		err = p.parser.End()
	}
	if err != nil {
		return p.refusal(err)
	}
	return nil
}

func (p *requests) parseBatch() error {
	j := &p.parser
	if err := j.BeginObject(); err != nil {
		return err
	}
	found := false
	for {
		key, more, err := j.NextKey()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if string(key) != "requests" {
			return j.Fail(strictjson.UnknownField, "there is no member "+quoted(string(key))+` here; a batch is {"requests": [...]}`)
		}
		found = true
		if err := p.parseList(); err != nil {
			return err
		}
	}
	if !found {
		return refuse(usage.CodeMissingField, "/requests", `requests is missing; a batch is {"requests": [...]}`)
	}
	return nil
}

func (p *requests) parseList() error {
	j := &p.parser
	if err := j.BeginArray(); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := j.NextElem()
		if err != nil || !more {
			return err
		}
		if i == consumeBatchMax {
			return refuse(usage.CodeTooLarge, "/requests", "the batch has more than "+strconv.Itoa(consumeBatchMax)+" requests; send several")
		}
		mark := j.Mark()
		p.requests = append(p.requests, usage.Request{})
		listed, err := p.parseRequest(&p.requests[len(p.requests)-1])
		if err == nil {
			p.places, p.listed = append(p.places, i), append(p.listed, listed)
			p.errs = append(p.errs, nil)
			continue
		}
		p.requests = p.requests[:len(p.requests)-1]
		j.Rewind(mark)
		if broken := j.Skip(); broken != nil {
			return broken
		}
		p.errs = append(p.errs, jsonError(err))
	}
}

// parseRequest reads one request, in its short form with a single feature or with a list of items.
func (p *requests) parseRequest(r *usage.Request) (listed bool, err error) {
	j := &p.parser
	if err := j.BeginObject(); err != nil {
		return false, err
	}
	var single usage.Item
	short := false
	for {
		key, more, err := j.NextKey()
		if err != nil {
			return listed, err
		}
		if !more {
			break
		}
		switch string(key) {
		case "id":
			r.ID, err = p.optional("id")
		case "tenant_id":
			r.TenantID, err = p.text()
		case "user_id":
			r.UserID, err = p.optional("user_id")
		case "items":
			listed = true
			err = p.parseItems(r)
		case "feature_type", "quantity", "op", "metadata":
			short = true
			err = p.itemField(string(key), &single)
		case "timestamp":
			err = j.Fail(strictjson.UnknownField, "a request has no timestamp: a consume counts now; record what has happened with POST /v1/events")
		default:
			err = j.Fail(strictjson.UnknownField, "there is no member "+quoted(string(key))+" in a request"+usage.DidYouMean(string(key), requestFields))
		}
		if err != nil {
			return listed, err
		}
	}
	switch {
	case short && listed:
		return listed, refuse(usage.CodeInvalidValue, j.Pointer()+"/items", "a request has a feature_type or items, not both")
	case !listed:
		r.Items = []usage.Item{single}
	}
	return listed, nil
}

func (p *requests) parseItems(r *usage.Request) error {
	j := &p.parser
	if err := j.BeginArray(); err != nil {
		return err
	}
	for {
		more, err := j.NextElem()
		if err != nil || !more {
			return err
		}
		if len(r.Items) == usage.RequestItemsMax {
			return refuse(usage.CodeInvalidValue, strings.TrimSuffix(j.Pointer(), "/"+strconv.Itoa(len(r.Items))), "there are more than "+strconv.Itoa(usage.RequestItemsMax)+" items; send several requests")
		}
		r.Items = append(r.Items, usage.Item{})
		if err := p.parseItem(&r.Items[len(r.Items)-1]); err != nil {
			return err
		}
	}
}

func (p *requests) parseItem(it *usage.Item) error {
	j := &p.parser
	if err := j.BeginObject(); err != nil {
		return err
	}
	for {
		key, more, err := j.NextKey()
		if err != nil || !more {
			return err
		}
		if !known(string(key), itemFields) {
			return j.Fail(strictjson.UnknownField, "there is no member "+quoted(string(key))+" in an item")
		}
		if err := p.itemField(string(key), it); err != nil {
			return err
		}
	}
}

func (p *requests) itemField(key string, it *usage.Item) (err error) {
	j := &p.parser
	switch key {
	case "feature_type":
		it.FeatureType, err = p.text()
	case "quantity":
		var ev usage.Event
		err = p.quantity(&ev)
		it.Quantity = ev.Quantity
	case "op":
		it.Op, err = p.optional("op")
	case "metadata":
		if j.Peek() != strictjson.TypeObject {
			return p.wrongType("an object")
		}
		it.Metadata, err = j.Raw()
	}
	return err
}
