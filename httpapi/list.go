package httpapi

// Pages of lists: their limit and their cursor.

import (
	"encoding/base64"
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

// cursorPrefix makes a cursor of another list, or a text of a user's own, invalid here.
const cursorPrefix = "m1:"

func encodeCursor(last string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorPrefix + last))
}

func decodeCursor(text string) (after string, err error) {
	if text == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	after, ok := strings.CutPrefix(string(raw), cursorPrefix)
	if err != nil || !ok || after == "" {
		return "", refuse(usage.CodeInvalidCursor, "/cursor", "the cursor "+quoted(text)+" is not one of this list; start without one")
	}
	return after, nil
}
