package httpapi

import (
	"net/http"

	"github.com/weirhq/weir/usage"
)

// postAdjustment corrects what a meter counted.
func (c *call) postAdjustment() {
	var a usage.Adjustment
	if !c.readConfig(&a) {
		return
	}
	r := usage.Request{ID: a.ID}
	if err := c.identifyRequest(&r); err != nil {
		c.writeError(err)
		return
	}
	a.ID = r.ID
	out, err := c.eng.Adjust(c.changing(), a)
	c.writeOutcome(out, err)
}

// resetQuota gives back what a quota has used.
func (c *call) resetQuota() {
	var in struct {
		ID     string `json:"id"`
		Reason string `json:"reason"`
	}
	if !c.readConfig(&in) {
		return
	}
	r := usage.Request{ID: in.ID}
	if err := c.identifyRequest(&r); err != nil {
		c.writeError(err)
		return
	}
	out, err := c.eng.ResetQuota(c.changing(),
		usage.Reset{ID: r.ID, TenantID: c.slug, Quota: c.sub, Reason: in.Reason})
	c.writeOutcome(out, err)
}

func (c *call) writeOutcome(out usage.Outcome, err error) {
	if err == nil {
		err = out.Err
	}
	if err != nil {
		c.writeError(err)
		return
	}
	c.marshal(http.StatusOK, out)
}

// voidEvent takes an event or consume back.
func (c *call) voidEvent() {
	var in struct {
		TenantID string `json:"tenant_id"`
		Source   string `json:"source"`
		Reason   string `json:"reason"`
	}
	if !c.readConfig(&in) {
		return
	}
	out, err := c.eng.Void(c.changing(), usage.Void{TenantID: in.TenantID, Source: in.Source, ID: c.slug, Reason: in.Reason})
	if err != nil {
		c.writeError(err)
		return
	}
	c.marshal(http.StatusOK, struct {
		ID     string       `json:"id"`
		Status usage.Status `json:"status"`
	}{out.ID, out.Status})
}
