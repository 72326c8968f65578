package secret

// Queued is how many callers wait for their turn.
func (h *Hasher) Queued() int64 { return h.waiting.Load() }
