package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// listDecisions answers the newest decisions of a tenant, from memory.
func (c *call) listDecisions() {
	q := c.r.URL.Query()
	tenant := q.Get("tenant_id")
	if tenant == "" {
		c.writeError(refuse(usage.CodeMissingField, "/tenant_id", "tenant_id is missing; decisions are kept by tenant"))
		return
	}
	if err := c.mayAct(tenant); err != nil {
		c.writeError(err)
		return
	}
	var from time.Time
	if q.Get("from") != "" {
		var err error
		if from, err = queryTime(q, "from"); err != nil {
			c.writeError(err)
			return
		}
	}
	switch d := usage.Decision(q.Get("decision")); d {
	case "", usage.DecisionAllow, usage.DecisionWarn, usage.DecisionThrottle, usage.DecisionOverage, usage.DecisionBlock:
	default:
		c.writeError(refuse(usage.CodeInvalidValue, "/decision", "decision "+quoted(string(d))+" must be one of allow, warn, throttle, overage, block"))
		return
	}
	pageOf(c, func(d engine.Decision) string { return strconv.FormatUint(d.Number, 10) }, func(after string, limit int) ([]engine.Decision, error) {
		before, err := cursorNumber(after)
		if err != nil {
			return nil, err
		}
		return c.eng.DecisionsBefore(tenant, usage.Decision(q.Get("decision")), from, before, limit), nil
	}, func(d engine.Decision) any { return d }, "tenant_id", "decision", "from")
}

// listCrossings answers the threshold crossings in the outbox, the oldest first unless order says otherwise.
func (c *call) listCrossings() {
	q := c.r.URL.Query()
	tenant := q.Get("tenant_id")
	if tenant != "" {
		if err := c.mayAct(tenant); err != nil {
			c.writeError(err)
			return
		}
	}
	j := journalOf[usage.Crossing]{
		last:   c.eng.OutboxLast,
		number: func(x usage.Crossing) uint64 { return x.Number },
		read: func(after uint64, limit int) ([]usage.Crossing, error) {
			return c.eng.Outbox(c.r.Context(), after, limit)
		},
	}
	if tenant != "" {
		j.of = func(at uint64, newest bool, limit int) ([]usage.Crossing, error) {
			return c.eng.OutboxOf(c.r.Context(), tenant, at, newest, limit)
		}
	}
	j.answer(c, q.Get("order"), "tenant_id", "order")
}

// listAudit answers the changes of configuration, the oldest first unless order says otherwise.
func (c *call) listAudit() {
	q := c.r.URL.Query()
	tenant := q.Get("tenant_id")
	j := journalOf[engine.AuditEntry]{
		last:   c.eng.AuditLast,
		number: func(x engine.AuditEntry) uint64 { return x.Number },
		read: func(after uint64, limit int) ([]engine.AuditEntry, error) {
			return c.eng.Audit(c.r.Context(), after, limit)
		},
		wanted: func(x engine.AuditEntry) bool { return tenant == "" || concernsTenant(&x, tenant) },
	}
	j.answer(c, q.Get("order"), "tenant_id", "order")
}

// concernsTenant tells whether an entry of the audit is about a tenant: itself, its plan, an override, or something of its own such
// as a voided event.
func concernsTenant(x *engine.AuditEntry, tenant string) bool {
	kind, rest, _ := strings.Cut(x.Target, "/")
	switch {
	case kind != "tenant" && kind != "tenant_plan" && kind != "override":
		return false
	case rest == tenant:
		return kind != "override"
	case strings.HasPrefix(x.Action, "tenant."):
		return false // of a tenant whose id begins with this one and a slash
	}
	return strings.HasPrefix(rest, tenant+"/")
}

// forwardAuth answers a gateway that asks before it lets a request through: nginx (auth_request), Traefik, Caddy. It answers 200
// or the deny status, with the headers of the quota.
func (c *call) forwardAuth() {
	q, err := c.query("feature_type", "quantity", "mode", "deny")
	if err != nil {
		c.writeError(err)
		return
	}
	h := c.r.Header
	r := usage.Request{ID: h.Get("X-Request-Id"), TenantID: h.Get("X-Weir-Tenant"), UserID: h.Get("X-Weir-User"),
		Items: []usage.Item{{FeatureType: q.Get("feature_type")}}}
	if text := q.Get("quantity"); text != "" {
		if r.Items[0].Quantity, err = usage.ParseDecimal(text); err != nil {
			c.writeError(at("/quantity", err))
			return
		}
	}
	deny := http.StatusTooManyRequests
	switch q.Get("deny") {
	case "", "429":
	case "403":
		deny = http.StatusForbidden
	default:
		c.writeError(refuse(usage.CodeInvalidValue, "/deny", "deny must be 429 or 403"))
		return
	}
	var a usage.Answer
	switch q.Get("mode") {
	case "", "consume":
		if r.ID == "" {
			r.ID = newUUID(time.Now())
		}
		var answers []usage.Answer
		var errs []error
		if answers, errs, err = c.eng.ConsumeAll(c.r.Context(), []usage.Request{r}); err == nil {
			a, err = answers[0], errs[0]
		}
	case "check":
		a, err = c.eng.Check(r)
	default:
		err = refuse(usage.CodeInvalidValue, "/mode", "mode must be consume or check")
	}
	if err != nil {
		c.writeError(err)
		return
	}
	c.writeAnswer(http.StatusOK, &a, decisionForm{true, deny})
}
