package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"sort"
	"strings"

	"github.com/weirhq/weir/usage"
)

// getMeter answers one meter.
func (c *call) getMeter() {
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	st, ok := c.eng.Meter(c.slug)
	if !ok || st.Archived {
		c.writeError(c.noMeter("", c.slug))
		return
	}
	c.writeMeter(http.StatusOK, st)
}

// listMeters answers a page of the meters in the order of their slugs.
func (c *call) listMeters() {
	q, err := c.query("limit", "cursor")
	if err != nil {
		c.writeError(err)
		return
	}
	limit, err := listLimit(q.Get("limit"))
	if err != nil {
		c.writeError(err)
		return
	}
	after, err := c.decodeCursor(q.Get("cursor"))
	if err != nil {
		c.writeError(err)
		return
	}
	live := c.eng.Meters()
	live = append([]usage.MeterState(nil), live...)
	sort.Slice(live, func(i, j int) bool { return live[i].Meter.Slug < live[j].Meter.Slug })

	buf := getBuffer()
	defer putBuffer(buf)
	b := append(buf.b, `{"data":[`...)
	count, last, more := 0, "", false
	for _, st := range live {
		if st.Archived || st.Meter.Slug <= after {
			continue
		}
		if count == limit {
			more = true
			break
		}
		text, err := json.Marshal(st.Meter)
		if err != nil {
			c.writeError(err)
			return
		}
		if count > 0 {
			b = append(b, ',')
		}
		b = append(b, text...)
		count, last = count+1, st.Meter.Slug
	}
	b = append(b, `],"next_cursor":`...)
	if more {
		b = appendString(b, c.encodeCursor(last))
	} else {
		b = append(b, "null"...)
	}
	b = append(b, "}\n"...)
	buf.b = b
	sum := sha256.Sum256(b)
	c.writeTagged(http.StatusOK, `"`+hex.EncodeToString(sum[:12])+`"`, b)
}

// putMeter makes a meter, or changes the parts of it that may change.
func (c *call) putMeter() {
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	var m usage.Meter
	if err := c.configBody(&m); err != nil {
		c.writeError(meterError(err))
		return
	}
	switch m.Slug {
	case "":
		m.Slug = c.slug
	case c.slug:
	default:
		c.writeError(refuse(usage.CodeInvalidValue, "/slug",
			"slug "+quoted(m.Slug)+" is not the one in the path, "+quoted(c.slug)+"; leave it out or make them equal"))
		return
	}
	if list := m.Validate(); len(list) > 0 {
		c.writeError(errorList(list))
		return
	}
	var st usage.MeterState
	var created bool
	err := c.versioned("the meter", c.meterVersion, func(cond usage.Condition) (err error) {
		st, created, err = c.eng.PutMeterIf(c.changing(), m, cond)
		return err
	})
	if err != nil {
		c.writeError(err)
		return
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		c.w.Header().Set("Location", "/v1/meters/"+c.slug)
	}
	c.writeMeter(status, st)
}

// deleteMeter archives a meter: it counts nothing more, its usage stays.
func (c *call) deleteMeter() {
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	if st, ok := c.eng.Meter(c.slug); !ok || st.Archived {
		c.writeError(c.noMeter("", c.slug))
		return
	}
	err := c.versioned("the meter", c.meterVersion, func(cond usage.Condition) error {
		return c.eng.DeleteMeterIf(c.changing(), c.slug, cond)
	})
	if err != nil {
		c.writeError(err)
		return
	}
	c.write(http.StatusNoContent, "", nil)
}

func (c *call) meterVersion() (version uint64, exists bool) {
	st, ok := c.eng.Meter(c.slug)
	return st.Version, ok && !st.Archived
}

// noMeter is the error of a slug that no meter has.
func (c *call) noMeter(pointer, slug string) error {
	var slugs []string
	for _, st := range c.eng.Meters() {
		if !st.Archived {
			slugs = append(slugs, st.Meter.Slug)
		}
	}
	return usage.NoMeter(usage.CodeNotFound, pointer, slug, slugs)
}

func (c *call) writeMeter(status int, st usage.MeterState) {
	text, err := json.Marshal(st.Meter)
	if err != nil {
		c.writeError(err)
		return
	}
	c.writeTagged(status, versionTag(st.Version), append(text, '\n'))
}

// meterFields are the members of a meter, for "did you mean".
var meterFields = []string{"slug", "name", "event_type", "aggregation", "value_property", "unique_property",
	"scale", "unit", "filters", "dimensions"}

// meterError says why the text of a meter was refused.
func meterError(err error) *usage.Error {
	e := jsonError(err)
	if e.Code != usage.CodeUnknownField {
		return e
	}
	return refuse(e.Code, e.Pointer, e.Detail+usage.DidYouMean(strings.TrimPrefix(e.Pointer, "/"), meterFields))
}
