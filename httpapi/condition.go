package httpapi

// Conditional requests on configuration (RFC 9110, section 13): entity tags, 304 and 412.

import (
	"net/http"
	"strings"

	"github.com/weirhq/weir/usage"
)

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

// tagged runs a change under the request's If-Match and If-None-Match. The engine judges the condition when it applies the change. A
// condition that allows several versions ("*" or a list) is turned into the version of now, and asked again when that one was
// changed in between. now tells the entity tag and the version of what is to be changed, and whether it is there.
func (c *call) tagged(what string, now func() (tag string, version uint64, exists bool), change func(usage.Condition) error) error {
	match, noneMatch := c.r.Header.Values("If-Match"), c.r.Header.Values("If-None-Match")
	const attemptsMax = 8
	for attempt := 1; ; attempt++ {
		var cond usage.Condition
		tag, version, exists := now()
		if len(match) > 0 {
			if !exists || !tagListed(match, tag, false) {
				detail := what + " is not of the version that If-Match names"
				if exists {
					detail += ": its ETag is now " + tag + "; read it again, then retry"
				}
				return refuse(usage.CodePrecondition, "", detail)
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
