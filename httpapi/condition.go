package httpapi

// Conditional requests on configuration (RFC 9110, section 13): entity tags, 304 and 412.

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/weirhq/weir/usage"
)

func meterTag(st usage.MeterState) string {
	return `"v` + strconv.FormatUint(st.Version, 10) + `"`
}

// writeTagged answers body with its ETag, or 304 when the client holds it already.
func (c *call) writeTagged(status int, tag string, body []byte) {
	c.w.Header().Set("ETag", tag)
	c.w.Header().Set("Cache-Control", "no-cache")
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		if held := c.r.Header.Values("If-None-Match"); len(held) > 0 && tagListed(held, tag, true) {
			c.write(http.StatusNotModified, "", nil)
			return
		}
	}
	c.writeJSON(status, body)
}

// conditionally runs a change under the request's If-Match and If-None-Match. The engine
// judges the condition when it applies the change. A condition that allows several versions
// ("*" or a list) is turned into the version of now, and asked again when that one was
// changed in between.
func (c *call) conditionally(change func(usage.Condition) (usage.MeterState, error)) (usage.MeterState, error) {
	match, noneMatch := c.r.Header.Values("If-Match"), c.r.Header.Values("If-None-Match")
	const attemptsMax = 8
	for attempt := 1; ; attempt++ {
		var cond usage.Condition
		now, exists := c.eng.Meter(c.slug)
		exists = exists && !now.Archived
		if len(match) > 0 {
			if !exists || !tagListed(match, meterTag(now), false) {
				return now, refuse(usage.CodePrecondition, "", c.changedDetail(now, exists))
			}
			cond.IfMatch = now.Version
		}
		if len(noneMatch) > 0 {
			if strings.TrimSpace(noneMatch[0]) == "*" {
				cond.IfNoneMatchAny = true
			} else if exists && tagListed(noneMatch, meterTag(now), true) {
				return now, refuse(usage.CodePrecondition, "", "the meter still has the version that If-None-Match names")
			}
		}
		st, err := change(cond)
		if usage.Code(err) == usage.CodePrecondition && cond.IfMatch != 0 && attempt < attemptsMax {
			continue
		}
		return st, err
	}
}

func (c *call) changedDetail(now usage.MeterState, exists bool) string {
	if !exists {
		return "there is no meter " + quoted(c.slug) + " for If-Match to hold of"
	}
	return "the meter has changed: its ETag is now " + meterTag(now) + "; read it again, then retry"
}

// tagListed reports whether a header's list of entity tags holds tag, or is "*" (RFC 9110,
// section 8.8.3). Weak tags match only where weak comparison is asked for. A list that cannot
// be read holds nothing.
func tagListed(values []string, tag string, weak bool) bool {
	for _, list := range values {
		for _, item := range strings.Split(list, ",") { // our own tags hold no comma
			item = strings.TrimSpace(item)
			if item == "*" {
				return true
			}
			if strong, isWeak := strings.CutPrefix(item, "W/"); isWeak {
				if !weak {
					continue
				}
				item = strong
			}
			if item == tag {
				return true
			}
		}
	}
	return false
}

// tagged is versioned for what has an entity tag that is more than its version.
func (c *call) tagged(what string, now func() (tag string, version uint64, exists bool), change func(usage.Condition) error) error {
	match, noneMatch := c.r.Header.Values("If-Match"), c.r.Header.Values("If-None-Match")
	const attemptsMax = 8
	for attempt := 1; ; attempt++ {
		var cond usage.Condition
		tag, version, exists := now()
		if len(match) > 0 {
			if !exists || !tagListed(match, tag, false) {
				return refuse(usage.CodePrecondition, "", what+" is not of the version that If-Match names; read it again, then retry")
			}
			cond.IfMatch = version
		}
		if len(noneMatch) > 0 {
			if strings.TrimSpace(noneMatch[0]) == "*" {
				cond.IfNoneMatchAny = true
			} else if exists && tagListed(noneMatch, tag, true) {
				return refuse(usage.CodePrecondition, "", what+" still has the version that If-None-Match names")
			}
		}
		err := change(cond)
		if usage.Code(err) == usage.CodePrecondition && cond.IfMatch != 0 && attempt < attemptsMax {
			continue
		}
		return err
	}
}
