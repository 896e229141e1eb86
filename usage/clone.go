package usage

import "slices"

// Copies of what is configured, that share no memory which can be changed: who reads the configuration of an engine may edit what was
// read, and put it back.

// Clone returns a copy of the plan.
func (p Plan) Clone() Plan {
	p.Quotas = slices.Clone(p.Quotas)
	for i := range p.Quotas {
		p.Quotas[i] = p.Quotas[i].Clone()
	}
	p.Prices, p.BaseFee = slices.Clone(p.Prices), slices.Clone(p.BaseFee)
	return p
}

// Clone returns a copy of the quota.
func (q Quota) Clone() Quota {
	q.GracePeriod, q.MaxDelay, q.Rate = cloned(q.GracePeriod), cloned(q.MaxDelay), cloned(q.Rate)
	q.WarningThresholds = slices.Clone(q.WarningThresholds)
	return q
}

// Clone returns a copy of the meter.
func (m Meter) Clone() Meter {
	m.Scale, m.Dimensions = cloned(m.Scale), slices.Clone(m.Dimensions)
	if m.Filters != nil {
		m.Filters = new(m.Filters.Clone())
	}
	return m
}

// Clone returns a copy of the filter.
func (f Filter) Clone() Filter {
	f.And, f.Or = slices.Clone(f.And), slices.Clone(f.Or)
	for _, list := range [2][]Filter{f.And, f.Or} {
		for i := range list {
			list[i] = list[i].Clone()
		}
	}
	if list, ok := f.Value.([]any); ok {
		f.Value = slices.Clone(list)
	}
	return f
}

// Clone returns a copy of the settings.
func (s Settings) Clone() Settings {
	s.DefaultPlan, s.UpgradeURL = cloned(s.DefaultPlan), cloned(s.UpgradeURL)
	return s
}

func cloned[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}
