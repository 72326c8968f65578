package whatif

// Others are records of other nodes. Safe for concurrent use.
type Others interface {
	// Records are those that are there now.
	Records() []Records
	// Rollups are the folders of their per-minute counts.
	Rollups() []string
	// Faults say why uses at other nodes may not be known here: a version that is used there must not be taken for a silent one.
	Faults() []string
}

// records are all that are asked.
func (e *Engine) records() []Records {
	if e.cfg.Others == nil {
		return e.cfg.Records
	}
	return append(append([]Records{}, e.cfg.Records...), e.cfg.Others.Records()...)
}
