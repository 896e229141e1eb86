package httpapi

// Consume and check: what asks before it counts. How a request is read: requestparse.go.

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weirhq/weir/usage"
)

// postConsume decides and counts one request.
func (c *call) postConsume() {
	form, err := c.decisionForm()
	if err != nil {
		c.writeError(err)
		return
	}
	r, listed, err := c.readRequest()
	if err == nil {
		err = c.identifyRequest(&r)
	}
	if err != nil {
		c.writeError(err)
		return
	}
	answers, errs, err := c.eng.ConsumeAll(c.r.Context(), []usage.Request{r})
	if err == nil {
		err = itemPointer(errs[0], listed)
	}
	if err != nil {
		c.writeError(err)
		return
	}
	c.writeAnswer(http.StatusOK, &answers[0], form)
}

// postCheck answers what consume would, and counts nothing.
func (c *call) postCheck() {
	form, err := c.decisionForm()
	if err != nil {
		c.writeError(err)
		return
	}
	buf := getBuffer()
	defer putBuffer(buf) // which the request and the answer are parts of: a check keeps nothing
	if err = c.wantJSON(); err == nil {
		buf.b, err = c.readBody(buf.b, jsonBodyBytesMax)
	}
	if err != nil {
		c.writeError(err)
		return
	}
	p := getRequests()
	defer putRequests(p)
	r, listed, err := p.parseOne(buf.b)
	if err != nil {
		c.writeError(err)
		return
	}
	a, err := c.eng.Check(r)
	if err != nil {
		c.writeError(itemPointer(err, listed))
		return
	}
	c.writeAnswer(http.StatusOK, &a, form)
}

// decisionForm is how a decision is answered.
type decisionForm struct {
	headers bool
	deny    int // status of a denial; 0: 200
}

// decisionForm reads deny_status and headers, before anything is done.
func (c *call) decisionForm() (f decisionForm, err error) {
	q, err := c.query("deny_status", "headers")
	if err != nil {
		return f, err
	}
	if f.deny, err = denyStatus(q.Get("deny_status")); err != nil {
		return f, err
	}
	headers, err := oneOf(q, "headers", "none")
	f.headers = headers == ""
	return f, err
}

// denyStatus reads ?deny_status; 0: a denial is a 200.
func denyStatus(text string) (int, error) {
	switch text {
	case "", "200":
		return 0, nil
	case "429", "402", "403":
		return strconv.Atoi(text)
	default:
		return 0, refuse(usage.CodeInvalidValue, "/deny_status", "deny_status "+quoted(text)+" must be 429, 402 or 403")
	}
}

// readRequest reads the body of a consume or a check; listed tells that it has a list of items.
func (c *call) readRequest() (r usage.Request, listed bool, err error) {
	doc, err := c.ownBody()
	if err != nil {
		return r, false, err
	}
	p := getRequests()
	defer putRequests(p)
	return p.parseOne(doc)
}

// ownBody reads a JSON body that the engine may keep parts of.
func (c *call) ownBody() ([]byte, error) {
	if err := c.wantJSON(); err != nil {
		return nil, err
	}
	buf := getBuffer()
	text, err := c.readBody(buf.b, jsonBodyBytesMax)
	buf.b = text
	doc := bytes.Clone(text)
	putBuffer(buf)
	return doc, err
}

// identifyRequest gives a request its id, as identify does for an event.
func (c *call) identifyRequest(r *usage.Request) error {
	ev := usage.Event{ID: r.ID}
	err := c.identify(&ev)
	r.ID = ev.ID
	return err
}

// givenID is the id of what holds units or corrects: that of the body, else of the header Idempotency-Key. Without one a retry would be
// done twice.
func (c *call) givenID(id string) (string, error) {
	if id == "" && c.r.Header.Get("Idempotency-Key") == "" {
		return "", refuse(usage.CodeMissingField, "/id", "id is missing; choose one, here or in the header Idempotency-Key, and send the same with every retry")
	}
	r := usage.Request{ID: id}
	err := c.identifyRequest(&r)
	return r.ID, err
}

// itemPointer gives an error about the only item of a request its place in the list, if there was one: to the engine it is as if the item
// had stood in the request itself.
func itemPointer(err error, listed bool) error {
	var e *usage.Error
	if !listed || !errors.As(err, &e) {
		return err
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(e.Pointer, "/"), "/")
	if !known(name, itemFields) {
		return err
	}
	return at("/items/0", err)
}

// writeAnswer answers one decision.
func (c *call) writeAnswer(status int, a *usage.Answer, form decisionForm) {
	if form.headers {
		c.quotaHeaders(a)
	}
	buf := getBuffer()
	defer putBuffer(buf)
	body := appendAnswer(buf.b[:0], a, c.numbersAsStrings())
	buf.b = body
	if !a.Allowed && form.deny != 0 {
		if a.RetryAfterMS != nil {
			c.w.Header().Set("Retry-After", strconv.FormatInt((*a.RetryAfterMS+999)/1000, 10))
		}
		// A problem's status is the number, so that of the answer is left out.
		fields := bytes.Replace(body[1:len(body)-1], []byte(`"status":"`+string(a.Status)+`",`), nil, 1)
		c.writeProblem(problem{code: usage.CodeQuotaExceeded, status: form.deny, detail: denialDetail(a),
			extra: func(dst []byte) []byte { return append(append(dst, ','), fields...) }})
		return
	}
	c.writeJSON(status, append(body, '\n'))
}

// denialDetail says why a call was denied, in a sentence.
func denialDetail(a *usage.Answer) string {
	name := "a quota"
	if a.BindingQuota != nil {
		name = "quota " + quoted(*a.BindingQuota)
	}
	switch a.Reason {
	case usage.ReasonCostTooHigh:
		return "the call costs more than " + name + " ever allows; ask for less"
	case usage.ReasonGrace:
		return "the grace period of " + name + " is over"
	case usage.ReasonThrottled:
		return name + " admits this later; wait as Retry-After says"
	default:
		return name + " is used up; it starts anew at its reset_at"
	}
}

// quotaHeaders says how the binding quota of the tenant stands (draft-ietf-httpapi-ratelimit-headers, and our own).
func (c *call) quotaHeaders(a *usage.Answer) {
	q := a.TenantQuota()
	if q == nil {
		return
	}
	reset, window := int64(0), int64(q.Length.Seconds()) // a sliding window resets when its last unit leaves, not at its end
	if q.ResetAt != nil {
		reset = max(0, int64(math.Ceil(time.Until(*q.ResetAt).Seconds())))
		if window == 0 && q.PeriodStart != nil {
			window = int64(q.ResetAt.Sub(*q.PeriodStart).Seconds())
		}
	}
	unit := q.Meter
	if st, ok := c.eng.Meter(q.Meter); ok {
		unit = st.Meter.UnitToken()
	}
	var room [256]byte
	text := appendInt(append(append(append(room[:0], '"'), q.Quota...), `";q=`...), q.Limit.Whole())
	if window > 0 {
		text = appendInt(append(text, ";w="...), window)
	}
	text = append(append(append(text, `;qu="weir-`...), unit...), '"')
	policy := len(text)
	text = appendInt(append(append(append(text, '"'), q.Quota...), `";r=`...), q.Remaining.Whole())
	if q.ResetAt != nil {
		text = appendInt(append(text, ";t="...), reset)
	}
	state := len(text)
	text = q.Used.AppendTo(text)
	used := len(text)
	text = q.Limit.AppendTo(text)
	limit := len(text)
	all := string(q.Remaining.AppendTo(text)) // one piece of memory for five values
	c.setHeader("Ratelimit-Policy", all[:policy])
	c.setHeader("Ratelimit", all[policy:state])
	c.setHeader("X-Usage-Current", all[state:used])
	c.setHeader("X-Usage-Limit", all[used:limit])
	c.setHeader("X-Usage-Remaining", all[limit:])
}

// postConsumeBatch decides many requests, each on its own.
func (c *call) postConsumeBatch() {
	q, err := c.query("detail")
	if err == nil {
		_, err = oneOf(q, "detail", "quotas")
	}
	if err != nil {
		c.writeError(err)
		return
	}
	doc, err := c.ownBody()
	if err != nil {
		c.writeError(err)
		return
	}
	p := getRequests()
	defer putRequests(p)
	if err := p.parseMany(doc); err != nil {
		c.writeError(err)
		return
	}
	now := time.Now()
	for i := range p.requests {
		if p.requests[i].ID == "" && p.errs[p.places[i]] == nil {
			p.requests[i].ID = newUUID(now)
		}
	}
	answers, errs, err := c.eng.ConsumeAll(c.r.Context(), p.requests)
	if err != nil {
		c.writeError(err)
		return
	}
	all, numbers := q.Get("detail") == "quotas", c.numbersAsStrings()
	buf := getBuffer()
	defer putBuffer(buf)
	b := append(buf.b[:0], `{"results":[`...)
	next, refused := 0, 0
	for i := range p.errs {
		if i > 0 {
			b = append(b, ',')
		}
		err := p.errs[i]
		var a *usage.Answer
		if err == nil {
			a, err = &answers[next], at("/requests/"+strconv.Itoa(i), itemPointer(errs[next], p.listed[next]))
			next++
		}
		if err != nil {
			refused++
			b = append(b, `{"error":`...)
			b = c.appendProblem(b, err)
			b = append(b, '}')
			continue
		}
		if !all {
			a.Quotas = bindingOnly(a)
		}
		b = appendAnswer(b, a, numbers)
	}
	b = append(b, "]}\n"...)
	buf.b = b
	status := http.StatusOK
	if refused > 0 && refused == len(p.errs) {
		status = http.StatusUnprocessableEntity
	}
	c.writeJSON(status, b)
}

// bindingOnly is the binding quota alone.
func bindingOnly(a *usage.Answer) []usage.QuotaStatus {
	for i := range a.Quotas {
		if a.BindingQuota != nil && a.Quotas[i].Quota == *a.BindingQuota {
			return a.Quotas[i : i+1]
		}
	}
	return a.Quotas[:0]
}

// appendProblem writes a problem as a member of an answer.
func (c *call) appendProblem(dst []byte, err error) []byte {
	p := problemOf(err)
	status, title := statusFor(p.code)
	body := map[string]any{"type": "urn:weir:problem:" + string(p.code), "title": title, "status": status, "detail": p.detail,
		"code": p.code, "request_id": c.requestID}
	if len(p.errors) > 0 {
		e := p.errors[0]
		body["errors"] = []map[string]any{{"pointer": e.Pointer, "code": e.Code, "detail": e.Detail}}
	}
	text, jsonErr := json.Marshal(body)
	if jsonErr != nil {
		return append(dst, "null"...)
	}
	return append(dst, text...)
}

// pairPointer gives an error about the i-th tenant with the j-th feature its place in the body.
func pairPointer(err error, i, j int) error {
	var e *usage.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Pointer {
	case "/tenant_id":
		return refuse(e.Code, "/tenants/"+strconv.Itoa(i), e.Detail)
	case "/feature_type":
		return refuse(e.Code, "/features/"+strconv.Itoa(j), e.Detail)
	}
	return err
}

// checkBatchBody is the body of /v1/check/batch: every tenant with every feature.
type checkBatchBody struct {
	Tenants  []string `json:"tenants"`
	Features []string `json:"features"`
}

const checkBatchMax = 100

// postCheckBatch checks one unit of every feature for every tenant. A pair that cannot be judged, such as one with an unknown feature, has
// an error of its own.
func (c *call) postCheckBatch() {
	var body checkBatchBody
	if !c.readConfig(&body) {
		return
	}
	for _, f := range []struct {
		name   string
		values []string
	}{{"tenants", body.Tenants}, {"features", body.Features}} {
		code := usage.CodeInvalidValue
		switch n := len(f.values); {
		case n > checkBatchMax:
			code = usage.CodeTooLarge
		case f.values == nil:
			code = usage.CodeMissingField
		case n > 0:
			continue
		}
		c.writeError(refuse(code, "/"+f.name, f.name+" has "+strconv.Itoa(len(f.values))+" entries; give 1 to 100"))
		return
	}
	b, refused := []byte(`{"results":[`), 0
	for i, tenant := range body.Tenants {
		for j, feature := range body.Features {
			a, err := c.eng.Check(usage.Request{TenantID: tenant, Items: []usage.Item{{FeatureType: feature}}})
			if status, _ := statusFor(usage.Code(err)); err != nil && status >= 500 {
				c.writeError(err)
				return
			}
			if i+j > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"tenant_id":`...)
			b = appendString(b, tenant)
			b = append(b, `,"feature_type":`...)
			b = appendString(b, feature)
			if err != nil {
				refused++
				b = append(c.appendProblem(append(b, `,"error":`...), pairPointer(err, i, j)), '}')
				continue
			}
			b = append(b, `,"allowed":`...)
			b = strconv.AppendBool(b, a.Allowed)
			b = append(b, `,"decision":"`...)
			b = append(b, a.Decision...)
			b = append(b, `","quotas":`...)
			b = appendQuotas(b, a.Quotas, c.numbersAsStrings())
			b = append(b, '}')
		}
	}
	status := http.StatusOK
	if refused == len(body.Tenants)*len(body.Features) {
		status = http.StatusUnprocessableEntity
	}
	c.writeJSON(status, append(b, "]}\n"...))
}
