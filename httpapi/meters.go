package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
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
	body, ok := readPage(c, func(st usage.MeterState) string { return st.Meter.Slug }, func(after string, limit int) ([]usage.MeterState, error) {
		live := slices.DeleteFunc(slices.Clone(c.eng.Meters()), func(st usage.MeterState) bool { return st.Archived || st.Meter.Slug <= after })
		slices.SortFunc(live, func(a, b usage.MeterState) int { return strings.Compare(a.Meter.Slug, b.Meter.Slug) })
		return live[:min(limit, len(live))], nil
	}, func(st usage.MeterState) any { return st.Meter })
	if !ok {
		return
	}
	text, err := c.encode(body)
	if err != nil {
		c.writeError(err)
		return
	}
	c.writeTagged(http.StatusOK, bodyTag(text), append(text, '\n'))
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
