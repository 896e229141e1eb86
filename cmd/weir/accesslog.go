package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirhq/weir/usage"
)

// logLine is one line of a "combined" access log of nginx or Apache:
//
//	host ident user [day/mon/year:time zone] "method target protocol" status bytes "referer" "agent"
//
// In a vhost_combined log the virtual host stands before it. Fields hold the text as logged, with the
// server's escapes (\x22) left as they are.
type logLine struct {
	vhost, remote, user string
	time                time.Time
	method, path        string // path without its query
	status, size        int64  // size -1: not logged
	agent               string
	fields              []string // all fields, quotes and brackets taken off
}

// splitFields cuts a line at spaces; "..." and [...] are one field each. A backslash keeps the
// next byte from ending a quoted field, as both servers write it.
func splitFields(line []byte, fields []string) ([]string, bool) {
	for i := 0; i < len(line); {
		if line[i] == ' ' || line[i] == '\t' {
			i++
			continue
		}
		open := line[i]
		if open != '"' && open != '[' {
			end := i
			for end < len(line) && line[end] != ' ' && line[end] != '\t' {
				end++
			}
			fields = append(fields, string(line[i:end]))
			i = end
			continue
		}
		closing := byte('"')
		if open == '[' {
			closing = ']'
		}
		end := i + 1
		for end < len(line) && line[end] != closing {
			if line[end] == '\\' && open == '"' {
				end++
			}
			end++
		}
		if end >= len(line) {
			return fields, false
		}
		fields = append(fields, string(line[i+1:end]))
		i = end + 1
	}
	return fields, true
}

// parseLogLine reads one line.
func parseLogLine(line []byte, vhost bool) (*logLine, error) {
	fields, ok := splitFields(line, make([]string, 0, 12))
	if !ok {
		return nil, fmt.Errorf("a quote or bracket does not end")
	}
	l := &logLine{fields: fields, size: -1}
	if vhost {
		if len(fields) == 0 {
			return nil, fmt.Errorf("the line is empty")
		}
		// Apache's vhost_combined writes host:port.
		l.vhost = fields[0]
		if host, port, found := cutLast(l.vhost, ':'); found && allDigits(port) {
			l.vhost = host
		}
		fields = fields[1:]
	}
	if len(fields) < 7 {
		return nil, fmt.Errorf("it has %d fields, a combined line has 9", len(fields))
	}
	l.remote, l.user = fields[0], fields[2]
	var err error
	if l.time, err = time.Parse("02/Jan/2006:15:04:05 -0700", fields[3]); err != nil {
		return nil, fmt.Errorf("the time %q is not like 31/Jan/2026:00:00:00 +0000; is it another --format?", fields[3])
	}
	request := strings.Fields(fields[4])
	if len(request) >= 2 {
		l.method = request[0]
		l.path, _, _ = strings.Cut(request[1], "?")
	}
	if l.status, err = strconv.ParseInt(fields[5], 10, 32); err != nil {
		return nil, fmt.Errorf("the status %q is no number", fields[5])
	}
	if fields[6] != "-" {
		if l.size, err = strconv.ParseInt(fields[6], 10, 64); err != nil || l.size < 0 {
			return nil, fmt.Errorf("the size %q is no number", fields[6])
		}
	}
	if len(fields) > 8 {
		l.agent = fields[8]
	}
	return l, nil
}

// firstSegment is the first part of the path, "" when there is none.
func (l *logLine) firstSegment() string {
	segment, _, _ := strings.Cut(strings.TrimPrefix(l.path, "/"), "/")
	return segment
}

// Metadata is cut to these, so that an event stays small and below its bounds.
const (
	endpointBytesMax = 256
	agentBytesMax    = 128
)

// event makes the event of a line: one API call of a tenant.
func (l *logLine) event(tenant string) usage.Event {
	ev := usage.Event{TenantID: tenant, FeatureType: "api_calls", Quantity: usage.Int(1), Timestamp: l.time, UserID: l.user}
	if ev.UserID == "-" || ev.UserID == "" {
		ev.UserID = l.remote
	}
	meta := append(make([]byte, 0, 256), `{"endpoint":`...)
	meta = appendText(meta, cut(l.path, endpointBytesMax))
	meta = append(meta, `,"method":`...)
	meta = appendText(meta, cut(l.method, 16))
	meta = append(meta, `,"status":`...)
	meta = strconv.AppendInt(meta, l.status, 10)
	if l.size >= 0 {
		meta = append(meta, `,"response_size":`...)
		meta = strconv.AppendInt(meta, l.size, 10)
	}
	if l.agent != "" && l.agent != "-" {
		meta = append(meta, `,"user_agent":`...)
		meta = appendText(meta, cut(l.agent, agentBytesMax))
	}
	ev.Metadata = append(meta, '}')
	return ev
}

// lineID is the id of the line at an offset of a log. It depends on content and position only:
// the hash of the file's first line, the offset, and the line. So a file may grow, be renamed
// by a rotation and be imported again, and counts once, while equal lines of one file count
// each, as do those of two servers' files.
func lineID(first [sha256.Size]byte, offset int64, line []byte) string {
	h := sha256.New()
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(offset))
	h.Write(first[:])
	h.Write(at[:])
	h.Write(line)
	return "log-" + hex.EncodeToString(h.Sum(nil)[:16])
}

// appendText appends s as a JSON string.
func appendText(dst []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic("BUG: a string does not marshal: " + err.Error()) // json.Marshal repairs UTF-8
	}
	return append(dst, bytes.TrimSpace(text)...)
}

// cut shortens s to at most bytesMax, at a character.
func cut(s string, bytesMax int) string {
	if len(s) <= bytesMax {
		return s
	}
	end := bytesMax
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
