package httpapi

import "net/http"

// Setting is one setting that the server was started with.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin"` // where the value is from, such as default, a file, a variable or a flag
}

// unbound is a handler that tells of all tenants together: a key that is bound to some is refused.
func unbound(h handler) handler {
	return func(c *call) {
		if c.who.key != nil && len(c.who.key.Tenants) > 0 {
			c.writeError(errNotOfATenant)
			return
		}
		h(c)
	}
}

// getConfig answers what the server was started with.
func (c *call) getConfig() {
	settings := c.api.settings
	if settings == nil {
		settings = []Setting{}
	}
	c.marshal(http.StatusOK, struct {
		Data []Setting `json:"data"`
	}{settings})
}
