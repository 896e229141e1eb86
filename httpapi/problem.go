package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/weirhq/weir/usage"
)

// statusOf is the one table that maps a code to its HTTP status and title.
var statusOf = map[usage.ErrorCode]struct {
	status int
	title  string
}{
	usage.CodeMalformedJSON:    {http.StatusBadRequest, "The body is not valid JSON"},
	usage.CodeDuplicateKey:     {http.StatusBadRequest, "A name appears twice in an object"},
	usage.CodeInvalidUTF8:      {http.StatusBadRequest, "The text is not valid UTF-8"},
	usage.CodeUnknownField:     {http.StatusBadRequest, "Unknown field"},
	usage.CodeWrongType:        {http.StatusBadRequest, "A value has the wrong type"},
	usage.CodeInvalidCursor:    {http.StatusBadRequest, "The cursor is not valid"},
	usage.CodeUnauthorized:     {http.StatusUnauthorized, "Authentication is needed"},
	usage.CodeForbidden:        {http.StatusForbidden, "Not allowed"},
	usage.CodeNotFound:         {http.StatusNotFound, "Not found"},
	usage.CodeMethodNotAllowed: {http.StatusMethodNotAllowed, "Method not allowed"},
	usage.CodeConflict:         {http.StatusConflict, "The id is used by another payload"},
	usage.CodeInUse:            {http.StatusConflict, "Still in use"},
	usage.CodeMeterImmutable:   {http.StatusConflict, "A meter cannot change what it counts"},
	usage.CodeCommitted:        {http.StatusConflict, "The reservation is committed"},
	usage.CodeReleased:         {http.StatusConflict, "The reservation was released"},
	usage.CodeExpired:          {http.StatusConflict, "The reservation has expired"},
	usage.CodePrecondition:     {http.StatusPreconditionFailed, "Precondition failed"},
	usage.CodeTooLarge:         {http.StatusRequestEntityTooLarge, "Too large"},
	usage.CodeUnsupportedMedia: {http.StatusUnsupportedMediaType, "Unsupported media type or encoding"},
	usage.CodeMissingField:     {http.StatusUnprocessableEntity, "A field is missing"},
	usage.CodeInvalidValue:     {http.StatusUnprocessableEntity, "A value is not valid"},
	usage.CodeNegativeQuantity: {http.StatusUnprocessableEntity, "The quantity is negative"},
	usage.CodeTooManyDecimals:  {http.StatusUnprocessableEntity, "Too many decimals"},
	usage.CodeOverflow:         {http.StatusUnprocessableEntity, "The number is too large"},
	usage.CodeUnknownFeature:   {http.StatusUnprocessableEntity, "No meter counts this feature"},
	usage.CodeUnknownPlan:      {http.StatusUnprocessableEntity, "Unknown plan"},
	usage.CodeUserRequired:     {http.StatusUnprocessableEntity, "A user is needed"},
	usage.CodeUnknownTenant:    {http.StatusUnprocessableEntity, "Unknown tenant"},
	usage.CodeEventTooOld:      {http.StatusUnprocessableEntity, "The event is too old"},
	usage.CodeEventInFuture:    {http.StatusUnprocessableEntity, "The event is in the future"},
	usage.CodeEventArchived:    {http.StatusUnprocessableEntity, "The event is archived"},
	usage.CodeCardinalityLimit: {http.StatusUnprocessableEntity, "Too many distinct values"},
	usage.CodeResolution:       {http.StatusUnprocessableEntity, "The resolution is no longer kept"},
	usage.CodeQuotaExceeded:    {http.StatusTooManyRequests, "The quota is exceeded"},
	usage.CodeRateLimited:      {http.StatusTooManyRequests, "Too many requests"},
	usage.CodeOverloaded:       {http.StatusServiceUnavailable, "Overloaded"},
	usage.CodeOutcomeUnknown:   {http.StatusServiceUnavailable, "The outcome is unknown"},
	usage.CodeClock:            {http.StatusServiceUnavailable, "The clock is wrong"},
	usage.CodeMemoryLimit:      {http.StatusServiceUnavailable, "The memory limit is reached"},
	usage.CodeDraining:         {http.StatusServiceUnavailable, "Shutting down"},
	usage.CodeFailed:           {http.StatusServiceUnavailable, "The engine has failed"},
	usage.CodeDiskFull:         {http.StatusInsufficientStorage, "The disk is full"},
}

// statusFor answers the status of a code. A code that the table lacks is our own fault: 500.
func statusFor(code usage.ErrorCode) (status int, title string) {
	s, ok := statusOf[code]
	if !ok {
		return http.StatusInternalServerError, "Internal error"
	}
	return s.status, s.title
}

// codeInternal is the code of a fault of our own; package usage has none, since the engine never refuses with it.
const codeInternal usage.ErrorCode = "internal"

// refuse makes a *usage.Error; it is the short form that handlers use.
func refuse(code usage.ErrorCode, pointer, detail string) *usage.Error {
	return &usage.Error{Code: code, Pointer: pointer, Detail: detail}
}

// problem is an RFC 9457 answer in the making.
type problem struct {
	code   usage.ErrorCode
	status int // 0: that of the code
	detail string
	errors []*usage.Error
	extra  func(dst []byte) []byte // more members, each led by a comma; may be nil
}

// problemOf turns any error into a problem. An error that is no *usage.Error is hidden behind
// "internal": what a client sees never carries internals. The end of the request's own context
// leaves a write's outcome unknown.
func problemOf(err error) problem {
	var list errorList
	if errors.As(err, &list) && len(list) > 0 {
		return problem{code: list[0].Code, detail: list[0].Detail, errors: list}
	}
	var e *usage.Error
	if errors.As(err, &e) {
		p := problem{code: e.Code, detail: e.Detail}
		if e.Pointer != "" {
			p.errors = []*usage.Error{e}
		}
		return p
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return problem{code: usage.CodeOutcomeUnknown, detail: "the request ended before its outcome was known; retry with the same id"}
	}
	return problem{code: codeInternal, detail: "internal error; the log has it under this request_id"}
}

// errorList is several refusals of one body; the first gives the problem its code.
type errorList []*usage.Error

// Error joins the refusals.
func (l errorList) Error() string {
	if len(l) == 0 {
		return "no errors"
	}
	text := l[0].Error()
	for _, e := range l[1:] {
		text += "; " + e.Error()
	}
	return text
}

// writeError answers err as a problem. It is called before anything else was written.
func (c *call) writeError(err error) {
	p := problemOf(err)
	if p.code == codeInternal {
		c.api.log.Error("request failed", "request_id", c.requestID, "route", c.route.pattern, "err", err)
	}
	c.writeProblem(p)
}

func (c *call) writeProblem(p problem) {
	status, title := statusFor(p.code)
	if p.status != 0 {
		status = p.status
	}
	if c.peer != "" {
		c.writePeerProblem(p, status)
		return
	}
	buf := getBuffer()
	defer putBuffer(buf)
	b := append(buf.b[:0], `{"type":"urn:weir:problem:`...)
	b = append(b, p.code...)
	b = append(b, `","title":`...)
	b = appendString(b, title)
	b = append(b, `,"status":`...)
	b = appendInt(b, int64(status))
	b = append(b, `,"detail":`...)
	b = appendString(b, p.detail)
	b = append(b, `,"code":"`...)
	b = append(b, p.code...)
	b = append(b, `","request_id":`...)
	b = appendString(b, c.requestID)
	if len(p.errors) > 0 {
		b = append(b, `,"errors":[`...)
		for i, e := range p.errors {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"pointer":`...)
			b = appendString(b, e.Pointer)
			b = append(b, `,"code":"`...)
			b = append(b, e.Code...)
			b = append(b, `","detail":`...)
			b = appendString(b, e.Detail)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	if p.extra != nil {
		b = p.extra(b)
	}
	b = append(b, "}\n"...)
	buf.b = b

	h := c.w.Header()
	h.Del("ETag")
	h.Set("Cache-Control", "no-store")
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", retryAfterSeconds)
		}
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="weir"`)
	}
	c.write(status, "application/problem+json", b)
}
