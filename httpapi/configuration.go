package httpapi

import "net/http"

// Setting is one setting that the server was started with.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin"` // where the value is from, such as default, a file, a variable or a flag
}

// getConfig answers what the server was started with. It is of the whole server, so a key that is bound to tenants is refused.
func (c *call) getConfig() {
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	if c.who.key != nil && len(c.who.key.Tenants) > 0 {
		c.writeError(errNotOfATenant)
		return
	}
	settings := c.api.settings
	if settings == nil {
		settings = []Setting{}
	}
	c.marshal(http.StatusOK, struct {
		Data []Setting `json:"data"`
	}{settings})
}
