package httpapi

import (
	"encoding/csv"
	"net/http"
	"strings"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// getTop answers who or what used most of a meter.
func (c *call) getTop() {
	q, form, err := c.topQuery()
	if err != nil {
		c.writeError(err)
		return
	}
	top, err := c.eng.Top(c.r.Context(), q)
	if err != nil {
		c.writeError(err)
		return
	}
	buf := getBuffer()
	defer putBuffer(buf)
	c.w.Header().Set("Cache-Control", "no-store")
	if form.csv {
		buf.b = appendTopCSV(buf.b, &top)
		c.w.Header().Set("Content-Disposition", `attachment; filename="top.csv"`)
		c.write(http.StatusOK, "text/csv; charset=utf-8; header=present", buf.b)
		return
	}
	buf.b = appendTop(buf.b, &top, form.numbersAsString)
	c.writeJSON(http.StatusOK, buf.b)
}

// answerForm is how numbers and rows of an answer are written.
type answerForm struct{ csv, numbersAsString bool }

func (c *call) topQuery() (q usage.TopQuery, form answerForm, err error) {
	v, err := c.query("meter", "by", "tenant_id", "from", "to", "time_zone", "limit", "format")
	if err != nil {
		return q, form, err
	}
	if q.Meter = v.Get("meter"); q.Meter == "" {
		return q, form, refuse(usage.CodeMissingField, "/meter", "name a meter: ?meter=<slug>; GET /v1/meters lists them")
	}
	if q.By = v.Get("by"); q.By == "" {
		return q, form, refuse(usage.CodeMissingField, "/by", "say what is ranked: ?by=tenant, user, or a dimension of the meter")
	}
	if q.TenantID, err = queryTenant(v); err != nil {
		return q, form, err
	}
	if q.From, q.To, err = queryRange(v); err != nil {
		return q, form, err
	}
	q.TimeZone = v.Get("time_zone")
	if v.Has("limit") {
		if q.Limit, err = listLimit(v.Get("limit")); err != nil {
			return q, form, err
		}
	}
	form, err = queryForm(v)
	return q, form, err
}

func appendTop(b []byte, top *usage.Top, asString bool) []byte {
	b = append(b, `{"meter":`...)
	b = appendString(b, top.Meter)
	b = append(b, `,"aggregation":`...)
	b = appendString(b, string(top.Aggregation))
	b = append(b, `,"unit":`...)
	b = appendString(b, top.Unit)
	b = append(b, `,"by":`...)
	b = appendString(b, top.By)
	b = append(b, `,"from":`...)
	b = appendTime(b, top.From)
	b = append(b, `,"to":`...)
	b = appendTime(b, top.To)
	b = append(b, `,"data":[`...)
	for i := range top.Data {
		if i > 0 {
			b = append(b, ',')
		}
		row := &top.Data[i]
		b = append(b, `{"key":`...)
		b = appendNullable(b, row.Key)
		b = append(b, `,"value":`...)
		b = appendDecimal(b, row.Value, asString)
		b = append(b, `,"group":`...)
		b = appendGroup(b, row.Group)
		b = append(b, '}')
	}
	b = append(b, `],"as_of":`...)
	b = appendAsOf(b, top.AsOf)
	return append(b, "}\n"...)
}

// appendTopCSV writes the places as CSV: the tenant when users are ranked, the key, the value.
func appendTopCSV(b []byte, top *usage.Top) []byte {
	var text strings.Builder
	w := csv.NewWriter(&text)
	w.UseCRLF = true
	users := top.By == usage.TopByUser || top.By == usage.PropertyUserID
	head := []string{top.By, "value"}
	if users {
		head = []string{"tenant_id", "user_id", "value"}
	}
	_ = w.Write(head) // of a builder: it cannot fail
	for i := range top.Data {
		row := &top.Data[i]
		var cells []string
		if users {
			cells = append(cells, orEmpty(row.Group["tenant_id"]))
		}
		value := ""
		if row.Value.IsSet() {
			value = row.Value.String()
		}
		_ = w.Write(append(cells, orEmpty(row.Key), value))
	}
	w.Flush()
	return append(b, text.String()...)
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// testMeter answers what would be counted of an event. The body is {"event": {...}}, or the event itself.
func (c *call) testMeter() {
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	if err := c.wantJSON(); err != nil {
		c.writeError(err)
		return
	}
	buf := getBuffer()
	defer putBuffer(buf)
	text, err := c.readBody(buf.b, configBodyBytesMax)
	buf.b = text
	if err != nil {
		c.writeError(err)
		return
	}
	ev, err := trialEvent(text)
	if err != nil {
		c.writeError(err)
		return
	}
	trial, err := c.eng.TryEvent(c.r.Context(), c.slug, ev)
	if err != nil {
		c.writeError(err)
		return
	}
	c.marshal(http.StatusOK, trial)
}

// trialEvent reads the body. Its strings are parts of text.
func trialEvent(text []byte) (ev usage.Event, err error) {
	b := getBatch()
	defer putBatch(b)
	b.doc = text
	p := &b.parser
	p.Reset(text)
	mark := p.Mark()
	err = p.BeginObject()
	if err == nil {
		var key []byte
		var more bool
		if key, more, err = p.NextKey(); err == nil && (!more || string(key) != "event") {
			p.Rewind(mark)
			err = b.parseEvent(&ev)
		} else if err == nil {
			b.prefix = "/event"
			if err = b.parseEvent(&ev); err == nil {
				if key, more, err = p.NextKey(); err == nil && more {
					err = p.Fail(strictjson.UnknownField, "there is no member "+quoted(string(key))+" beside event; remove it")
				}
			}
		}
	}
	if err == nil {
		err = p.End()
	}
	if err != nil {
		return ev, b.refusal(err)
	}
	if ev.ID == "" {
		ev.ID = "test" // it is not looked at
	}
	return ev, nil
}
