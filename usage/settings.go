package usage

import "strings"

// What happens to tenants that nobody made.
const (
	UnknownCreate = "create" // their first event or consume makes them, on the default plan
	UnknownReject = "reject"
)

// Settings are the settings of a store that are in its log.
type Settings struct {
	DefaultPlan    *string   `json:"default_plan"`
	UnknownTenants string    `json:"unknown_tenants,omitempty"`
	UpgradeURL     *string   `json:"upgrade_url"`
	Retention      Retention `json:"retention,omitzero"`
}

// Validate reports everything that is wrong with the settings by themselves.
func (s *Settings) Validate() []*Error {
	var errs problems
	if s.DefaultPlan != nil {
		errs.slug("default_plan", *s.DefaultPlan)
	}
	errs.word("unknown_tenants", s.UnknownTenants, UnknownCreate, UnknownReject)
	if s.UpgradeURL != nil {
		errs.label("upgrade_url", *s.UpgradeURL, URLBytesMax)
		if u := *s.UpgradeURL; !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
			errs.add(CodeInvalidValue, "/upgrade_url", "upgrade_url %s is no web address; begin it with https://, or make it null", quoted(u))
		}
	}
	s.Retention.validate(&errs)
	return errs
}
