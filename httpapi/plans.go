package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// versionTag is the ETag of a configuration row.
func versionTag(version uint64) string { return `"v` + strconv.FormatUint(version, 10) + `"` }

// versioned is tagged for what has its version for an entity tag.
func (c *call) versioned(what string, now func() (version uint64, exists bool), change func(usage.Condition) error) error {
	return c.tagged(what, func() (string, uint64, bool) {
		version, exists := now()
		return versionTag(version), version, exists
	}, change)
}

// changing is the context of a change: it names who makes it and in which request, for the audit.
func (c *call) changing() context.Context {
	return engine.WithRequest(engine.WithActor(c.r.Context(), c.who.actor()), c.requestID, c.trace)
}

// planBody is a plan as the API shows it.
type planBody struct {
	usage.Plan
	Version  int       `json:"version"`
	Tenants  int       `json:"tenants"`
	Archived bool      `json:"archived,omitempty"`
	Created  time.Time `json:"created_at"`
}

func planOf(st usage.PlanState) planBody {
	quotas := slices.Clone(st.Plan.Quotas)
	for i := range quotas {
		q := &quotas[i]
		if q.Rate == nil && q.Mode != usage.ModeSoft && q.Overage.IsZero() {
			q.Overage.Units = usage.Int(0) // told like every default; a soft quota has more
		}
	}
	st.Plan.Quotas = quotas
	return planBody{Plan: st.Plan, Version: st.Number, Tenants: st.Tenants, Archived: st.Archived, Created: st.Created}
}

func (c *call) writeTaggedJSON(status int, version uint64, v any) {
	text, err := c.encode(v)
	if err != nil {
		c.writeError(err)
		return
	}
	c.writeTagged(status, versionTag(version), append(text, '\n'))
}

func (c *call) getPlan() {
	st, ok := c.eng.Plan(c.slug)
	if !ok || st.Archived {
		c.writeError(c.noPlan())
		return
	}
	c.writeTaggedJSON(http.StatusOK, st.Version, planOf(st))
}

func (c *call) noPlan() error {
	var slugs []string
	for _, st := range c.eng.Plans() {
		slugs = append(slugs, st.Plan.Slug)
	}
	return usage.NoPlan(usage.CodeNotFound, "", c.slug, slugs)
}

func (c *call) putPlan() {
	q, err := c.query("apply", "dry_run")
	if err == nil {
		_, err = oneOf(q, "apply", usage.EffectiveNow, usage.EffectivePeriodEnd)
	}
	if err == nil {
		_, err = oneOf(q, "dry_run", "true", "false")
	}
	if err != nil {
		c.writeError(err)
		return
	}
	var in planBody // what GET answers may be sent back; its members beside the plan say nothing here
	if !c.readConfig(&in) {
		return
	}
	p := in.Plan
	if p.Slug == "" {
		p.Slug = c.slug
	}
	if p.Slug != c.slug {
		c.writeError(refuse(usage.CodeInvalidValue, "/slug", "slug "+quoted(p.Slug)+" is not the one in the path; leave it out or make them equal"))
		return
	}
	p = p.WithDefaults()
	if list := p.Validate(); len(list) > 0 {
		c.writeError(errorList(list))
		return
	}
	if q.Get("dry_run") == "true" {
		c.tryPlan(p)
		return
	}
	var st usage.PlanState
	var created bool
	err = c.versioned("the plan", c.planVersion, func(cond usage.Condition) (err error) {
		st, created, err = c.eng.PutPlanIf(c.changing(), p, q.Get("apply"), cond)
		return err
	})
	if err != nil {
		c.writeError(err)
		return
	}
	c.writeTaggedJSON(c.madeStatus(created, "/v1/plans/"+c.slug), st.Version, planOf(st))
}

// tryPlan answers what a plan would change, under the conditions of the change itself.
func (c *call) tryPlan(p usage.Plan) {
	var trial engine.PlanTrial
	err := c.versioned("the plan", c.planVersion, func(cond usage.Condition) (err error) {
		if _, exists := c.planVersion(); exists && cond.IfNoneMatchAny {
			return refuse(usage.CodePrecondition, "", "plan "+quoted(c.slug)+" exists; If-None-Match: * only creates")
		}
		trial, err = c.eng.PlanTrial(p)
		return err
	})
	if err != nil {
		c.writeError(err)
		return
	}
	c.marshal(http.StatusOK, trial)
}

func (c *call) planVersion() (version uint64, exists bool) {
	st, ok := c.eng.Plan(c.slug)
	return st.Version, ok && !st.Archived
}

// madeStatus is 201 with the place of what was made, else 200.
func (c *call) madeStatus(created bool, location string) int {
	if !created {
		return http.StatusOK
	}
	c.w.Header().Set("Location", location)
	return http.StatusCreated
}

func (c *call) deletePlan() {
	if st, ok := c.eng.Plan(c.slug); !ok || st.Archived {
		c.writeError(c.noPlan())
		return
	}
	err := c.versioned("the plan", c.planVersion, func(cond usage.Condition) error {
		return c.eng.DeletePlan(c.changing(), c.slug, cond)
	})
	if err != nil {
		c.writeError(err)
		return
	}
	c.write(http.StatusNoContent, "", nil)
}

func (c *call) listPlans() {
	page(c, func(st usage.PlanState) string { return st.Plan.Slug }, func(after string, limit int) []usage.PlanState {
		var out []usage.PlanState
		for _, st := range c.eng.Plans() {
			if st.Plan.Slug > after && len(out) < limit {
				out = append(out, st)
			}
		}
		return out
	}, func(st usage.PlanState) any { return planOf(st) })
}

func (c *call) listPlanVersions() {
	versions := c.eng.PlanVersions(c.slug)
	if len(versions) == 0 {
		c.writeError(c.noPlan())
		return
	}
	pageOf(c, func(st usage.PlanState) string { return strconv.Itoa(st.Number) }, func(after string, limit int) ([]usage.PlanState, error) {
		from, err := cursorNumber(after)
		if err != nil || from > uint64(len(versions)) { // versions are never taken away
			return nil, wrongCursor()
		}
		return versions[from:min(int(from)+limit, len(versions))], nil
	}, func(st usage.PlanState) any { return planOf(st) })
}

// page answers a page of a list. read returns at most limit entries after a key, shown as show says. More names of query
// parameters may be allowed.
func page[T any](c *call, key func(T) string, read func(after string, limit int) []T, show func(T) any, names ...string) {
	pageOf(c, key, func(after string, limit int) ([]T, error) { return read(after, limit), nil }, show, names...)
}

// pageOf is page of a list that may fail to be read.
func pageOf[T any](c *call, key func(T) string, read func(after string, limit int) ([]T, error), show func(T) any, names ...string) {
	if body, ok := readPage(c, key, read, show, names...); ok {
		c.marshal(http.StatusOK, body)
	}
}

// pageBody is a page of a list.
type pageBody struct {
	Data       []any   `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

// readPage is pageOf without its writing; not ok: the error was written.
func readPage[T any](c *call, key func(T) string, read func(after string, limit int) ([]T, error), show func(T) any, names ...string) (body pageBody, ok bool) {
	q, err := c.query(append(names, "limit", "cursor")...)
	if err != nil {
		c.writeError(err)
		return body, false
	}
	limit, err := listLimit(q.Get("limit"))
	if err != nil {
		c.writeError(err)
		return body, false
	}
	after, err := c.decodeCursor(q.Get("cursor"))
	if err != nil {
		c.writeError(err)
		return body, false
	}
	entries, err := read(after, limit+1)
	if err != nil {
		c.writeError(err)
		return body, false
	}
	body.Data = []any{}
	for i, e := range entries {
		if i == limit {
			body.NextCursor = new(c.encodeCursor(key(entries[limit-1])))
			break
		}
		body.Data = append(body.Data, show(e))
	}
	return body, true
}
