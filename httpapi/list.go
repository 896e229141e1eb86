package httpapi

// Pages of lists: their limit and their cursor.

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"

	"github.com/weirhq/weir/usage"
)

func listLimit(text string) (int, error) {
	if text == "" {
		return listLimitDefault, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > listLimitMax {
		return 0, refuse(usage.CodeInvalidValue, "/limit",
			"limit "+quoted(text)+" must be a whole number from 1 to "+strconv.Itoa(listLimitMax))
	}
	return n, nil
}

// A cursor holds the list that it is of and a position in it, so that one of another list, or of the same with another order or filter, is
// refused instead of skipping entries.

// listPrefix begins the cursors of the list that is asked for: a hash of its path and parameters. The bounds of time are not among them:
// positions do not depend on them, and who asks for the last hour moves them from page to page.
func (c *call) listPrefix() string {
	q := c.r.URL.Query()
	for name := range q { // order-free: each by itself
		switch name {
		case "limit", "cursor", "numbers", "from", "to":
			delete(q, name)
		default:
			if q.Get(name) == "" { // as if it were left out
				delete(q, name)
			}
		}
	}
	sum := sha256.Sum256([]byte(url.PathEscape(c.slug) + " " + c.route.pattern + "?" + q.Encode()))
	return "m2:" + hex.EncodeToString(sum[:6]) + ":"
}

// encodeCursor is the cursor of the entries after last of the list that is asked for.
func (c *call) encodeCursor(last string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(c.listPrefix() + last))
}

// decodeCursor reads a cursor of the list that is asked for.
func (c *call) decodeCursor(text string) (after string, err error) {
	if text == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	after, ok := strings.CutPrefix(string(raw), c.listPrefix())
	if err != nil || !ok || after == "" {
		return "", wrongCursor()
	}
	return after, nil
}

// cursorNumber reads a position that is a number from 1; 0: there is none yet.
func cursorNumber(after string) (uint64, error) {
	if after == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(after, 10, 64)
	if err != nil || n == 0 {
		return 0, wrongCursor()
	}
	return n, nil
}

func wrongCursor() error {
	return refuse(usage.CodeInvalidCursor, "/cursor", "the cursor is not one of this list; follow next_cursor with the same parameters, or start without one")
}
