package httpapi

import (
	"time"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// unmarshal reads a JSON body strictly into v, its times and durations in the words of the API. The error is as [jsonError] says it.
func unmarshal(text []byte, v any) error {
	if err := strictjson.Unmarshal(text, v, timeStrings, durationStrings); err != nil {
		return jsonError(err)
	}
	return nil
}

var timeStrings = strictjson.StringsOf("a string with an RFC 3339 time", func(name, text string) (time.Time, error) {
	t, ok := usage.ParseTime([]byte(text))
	if !ok && name == "timestamp" { // of an adjustment, which is like an event
		return t, usage.TimestampError("", name, text)
	}
	if !ok {
		return t, usage.TimeError("", name, text)
	}
	return t, nil
})

var durationStrings = strictjson.StringsOf(`a duration string such as "24h"`, func(_, text string) (usage.Duration, error) {
	d, err := usage.ParseDuration(text)
	return usage.Duration(d), err
})
