package stream

// gap is a run of lines that are not there any more.
type gap struct{ first, last uint64 }

// missing counts lines that were missed, each once: what is not confirmed is read again after every failure, and by then more
// may be gone.
type missing struct {
	record string
	upTo   uint64 // the last line of the record that was counted
}

// add returns how many lines of the gaps, which come in order, were not counted yet.
func (m *missing) add(record string, gaps []gap) (fresh uint64) {
	if m.record != record {
		m.record, m.upTo = record, 0
	}
	for _, g := range gaps {
		if g.last > m.upTo {
			fresh += g.last - max(g.first-1, m.upTo)
			m.upTo = g.last
		}
	}
	return fresh
}
