package secret

// Queued is how many callers wait for their turn.
func (h *Hasher) Queued() int {
	_, waiting := h.slots.Load()
	return waiting
}
