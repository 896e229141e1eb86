package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/weirhq/weir/usage"
)

// overviewBody is an overview with what only this package knows: when a quota is likely to be full, and how the server is.
type overviewBody struct {
	usage.Overview
	Attention []attentionBody `json:"attention"`
	System    overviewSystem  `json:"system"`
}

type attentionBody struct {
	usage.QuotaAttention
	CrossesLimitAt *time.Time `json:"crosses_limit_at"` // forecast; null: not in the open period, or nobody can tell
}

// overviewSystem is the strip at the foot of a page.
type overviewSystem struct {
	Ready         bool   `json:"ready"`
	Version       string `json:"version"`
	UptimeSeconds int64  `json:"uptime_seconds"`
	DurableIndex  uint64 `json:"durable_index"`
	QueueItems    int    `json:"queue_items"`
	DiskBytes     int64  `json:"disk_bytes"`
	DiskFreeBytes int64  `json:"disk_free_bytes"`
}

// getOverview answers how everything stands.
func (c *call) getOverview() {
	v, err := c.query("range", "meter", "top", "limit")
	if err != nil {
		c.writeError(err)
		return
	}
	q := usage.OverviewQuery{Range: v.Get("range"), Meter: v.Get("meter")}
	if q.Top, err = smallNumber(v.Get("top"), "/top", overviewListMax); err == nil {
		q.Limit, err = smallNumber(v.Get("limit"), "/limit", overviewListMax)
	}
	if err != nil {
		c.writeError(err)
		return
	}
	o, err := c.eng.Overview(c.r.Context(), q)
	if err != nil {
		c.writeError(err)
		return
	}
	body := overviewBody{Overview: o, Attention: []attentionBody{}, System: c.api.systemStrip()}
	for i, a := range o.Attention {
		entry := attentionBody{QuotaAttention: a}
		if a.Why != usage.AttentionOver && i < overviewForecastsMax {
			if entry.CrossesLimitAt, err = c.crossesAt(a.TenantID, &a.Quota, o.Now); err != nil {
				c.writeError(err)
				return
			}
		}
		body.Attention = append(body.Attention, entry)
	}
	c.w.Header().Set("Cache-Control", "no-store")
	c.marshal(http.StatusOK, body)
}

func (a *API) systemStrip() overviewSystem {
	st := a.whole.Stats()
	s := overviewSystem{Ready: !a.draining.Load(), Version: a.version, UptimeSeconds: int64(time.Since(a.started) / time.Second),
		DurableIndex: st.DurableIndex, QueueItems: st.QueueItems, DiskBytes: st.DiskBytes, DiskFreeBytes: st.DiskFreeBytes}
	for _, check := range a.whole.Health() {
		s.Ready = s.Ready && check.OK
	}
	return s
}

// smallNumber reads a parameter from 1 to most; 0 when it is absent.
func smallNumber(text, pointer string, most int) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, refuse(usage.CodeInvalidValue, pointer, pointer[1:]+" "+quoted(text)+" must be a whole number from 1 to "+strconv.Itoa(most))
	}
	return n, nil
}
