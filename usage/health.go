package usage

// HealthCheck is one thing that must be well for the engine to take writes.
type HealthCheck struct {
	Name   string `json:"name"` // "log", "disk", "clock", ...
	OK     bool   `json:"ok"`
	Fatal  bool   `json:"fatal,omitempty"`  // not OK, and only a restart can change that
	Detail string `json:"detail,omitempty"` // what is wrong and what to do; may be empty when OK
}
