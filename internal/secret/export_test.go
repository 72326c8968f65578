package secret

// Queued is how many callers wait for their turn.
func (h *Hasher) Queued() int {
	h.slots.mu.Lock()
	defer h.slots.mu.Unlock()
	return h.slots.queue.Len()
}
