package httpapi

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/weirhq/weir/usage"
)

// healthBody is what /healthz and /readyz answer.
type healthBody struct {
	Status string              `json:"status"`
	Checks []usage.HealthCheck `json:"checks"`
}

// getHealth says whether the process should live: it fails only when a restart would help.
func (c *call) getHealth() {
	checks := c.eng.Health()
	body, status := healthBody{"ok", checks}, http.StatusOK
	for _, check := range checks {
		if !check.OK && check.Fatal {
			body.Status, status = "failed", http.StatusServiceUnavailable
		}
	}
	c.writeHealth(status, body)
}

// getReady says whether the process takes writes now.
func (c *call) getReady() {
	checks := c.eng.Health()
	if c.api.draining.Load() {
		checks = append(checks[:len(checks):len(checks)],
			usage.HealthCheck{Name: "serving", Detail: "shutting down"})
	}
	body, status := healthBody{"ready", checks}, http.StatusOK
	for _, check := range checks {
		if !check.OK {
			body.Status, status = "not_ready", http.StatusServiceUnavailable
		}
	}
	c.writeHealth(status, body)
}

func (c *call) writeHealth(status int, body healthBody) {
	if body.Checks == nil {
		body.Checks = []usage.HealthCheck{}
	}
	c.w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		c.w.Header().Set("Retry-After", retryAfterSeconds)
	}
	c.marshal(status, body)
}

func (c *call) getVersion() {
	c.marshal(http.StatusOK, c.api.versionBody())
}

type versionBody struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func (a *API) versionBody() versionBody {
	v := versionBody{Version: a.version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	return v
}

// getSystem answers the figures of the engine.
func (c *call) getSystem() {
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	storage, err := c.eng.Storage(c.r.Context(), false)
	if err != nil {
		storage = []usage.StorageClass{} // the checks say why
	}
	c.w.Header().Set("Cache-Control", "no-store")
	c.marshal(http.StatusOK, struct {
		Version       versionBody          `json:"version"`
		UptimeSeconds int64                `json:"uptime_seconds"`
		Stats         usage.Stats          `json:"stats"`
		Storage       []usage.StorageClass `json:"storage"`
		Checks        []usage.HealthCheck  `json:"checks"`
	}{c.api.versionBody(), int64(time.Since(c.api.started) / time.Second), c.eng.Stats(), storage, c.eng.Health()})
}

// getMeterStats answers what became of the items of each meter, beside what they counted.
func (c *call) getMeterStats() {
	stats := c.eng.MeterStats()
	if stats == nil {
		stats = []usage.MeterStats{}
	}
	c.w.Header().Set("Cache-Control", "no-store")
	c.marshal(http.StatusOK, struct {
		Data  []usage.MeterStats `json:"data"`
		Since time.Time          `json:"since"`
	}{stats, c.api.started.UTC()})
}

// marshal answers a value that is not asked for often; the others are appended by hand.
func (c *call) marshal(status int, v any) {
	b, err := c.encode(v)
	if err != nil {
		c.writeError(err)
		return
	}
	c.writeJSON(status, append(b, '\n'))
}
