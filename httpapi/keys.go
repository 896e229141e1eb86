package httpapi

import (
	"fmt"
	"net/http"
	"time"

	"github.com/weirhq/weir/usage"
)

// madeKey is a key with its secret, in the one answer that shows it.
type madeKey struct {
	usage.KeyState
	Key    string `json:"key"`    // as it is sent: weir_<id>_<secret>
	Secret string `json:"secret"` // its last part
}

func (c *call) writeMade(status int, st usage.KeyState, secret string) {
	c.w.Header().Set("Cache-Control", "no-store")
	c.marshal(status, madeKey{st, FormatKey(st.ID, secret), secret})
}

// postKey makes a key and shows its secret, once.
func (c *call) postKey() {
	var in struct {
		Name    string        `json:"name"`
		Scopes  []usage.Scope `json:"scopes"`
		Tenants []string      `json:"tenants"`
	}
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	if !c.readConfig(&in) {
		return
	}
	st, secret, err := c.eng.CreateKey(c.changing(), usage.Key{Name: in.Name, Scopes: in.Scopes, Tenants: in.Tenants})
	if err != nil {
		c.writeError(err)
		return
	}
	c.w.Header().Set("Location", "/v1/keys/"+st.ID)
	c.writeMade(http.StatusCreated, st, secret)
}

func (c *call) getKey() {
	st, err := c.eng.Key(c.slug)
	if err != nil {
		c.writeError(err)
		return
	}
	c.marshal(http.StatusOK, st)
}

func (c *call) listKeys() {
	pageOf(c, func(st usage.KeyState) string { return st.ID }, c.eng.Keys, func(st usage.KeyState) any { return st })
}

// rotateKey gives a key a new secret and shows it, once. The old one goes on working for a while.
func (c *call) rotateKey() {
	var in struct {
		OverlapSeconds *int `json:"overlap_seconds"`
	}
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	if c.r.ContentLength != 0 && !c.readConfig(&in) {
		return
	}
	seconds := usage.KeyOverlapDefaultSeconds
	if in.OverlapSeconds != nil {
		seconds = *in.OverlapSeconds
	}
	if seconds < 0 || seconds > usage.KeyOverlapMaxSeconds {
		c.writeError(refuse(usage.CodeInvalidValue, "/overlap_seconds",
			fmt.Sprintf("overlap_seconds %d is out of range; use 0 to %d", seconds, usage.KeyOverlapMaxSeconds)))
		return
	}
	st, secret, err := c.eng.RotateKey(c.changing(), c.slug, time.Duration(seconds)*time.Second)
	if err != nil {
		c.writeError(err)
		return
	}
	c.writeMade(http.StatusOK, st, secret)
}

// deleteKey revokes a key: nobody is let in with it any more when the answer comes.
func (c *call) deleteKey() {
	if err := c.eng.DeleteKey(c.changing(), c.slug); err != nil {
		c.writeError(err)
		return
	}
	c.write(http.StatusNoContent, "", nil)
}
