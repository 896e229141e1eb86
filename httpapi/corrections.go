package httpapi

import (
	"net/http"
	"slices"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// postAdjustment corrects what a meter counted.
func (c *call) postAdjustment() {
	var a usage.Adjustment
	if !c.readConfig(&a) {
		return
	}
	var err error
	if a.ID, err = c.givenID(a.ID); err != nil {
		c.writeError(err)
		return
	}
	ctx := c.changing()
	if c.who.key.Has(usage.ScopeBackfill) {
		ctx = engine.WithBackfill(ctx)
	}
	out, err := c.eng.Adjust(ctx, a)
	c.writeOutcome(out, err, a.TenantID, a.UserID, func(q *usage.QuotaStatus) bool { return q.Meter == a.Meter })
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
	id, err := c.givenID(in.ID)
	if err != nil {
		c.writeError(err)
		return
	}
	out, err := c.eng.ResetQuota(c.changing(),
		usage.Reset{ID: id, TenantID: c.slug, Quota: c.sub, Reason: in.Reason})
	c.writeOutcome(out, err, c.slug, "", func(q *usage.QuotaStatus) bool { return q.Quota == c.sub })
}

// writeOutcome answers as one event is answered: with the quotas that it has to do with, as they stand now.
func (c *call) writeOutcome(out usage.Outcome, err error, tenant, user string, concerned func(*usage.QuotaStatus) bool) {
	if err == nil {
		err = out.Err
	}
	if err != nil {
		c.writeError(err)
		return
	}
	body, err := c.encode(out)
	if err != nil {
		c.writeError(err)
		return
	}
	quotas, _ := c.eng.Quotas(tenant, user) // none when the tenant was deleted meanwhile
	quotas = slices.DeleteFunc(quotas, func(q usage.QuotaStatus) bool { return !concerned(&q) })
	body = append(body[:len(body)-1], `,"quotas":`...)
	body = append(appendQuotas(body, quotas, c.numbersAsStrings()), "}\n"...)
	c.writeJSON(http.StatusOK, body)
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
