package registry

// Callers is how many authentications of a credential are under way or waiting.
func (r *Registry) Callers(credentialID string) int {
	r.gates.mu.Lock()
	defer r.gates.mu.Unlock()
	if at := r.gates.open[credentialID]; at != nil {
		return at.callers
	}
	return 0
}

// Strangers is how many callers with a login that is not the credential's are under way or waiting, of all credentials.
func (r *Registry) Strangers() (n int) {
	r.strangers.mu.Lock()
	defer r.strangers.mu.Unlock()
	for _, at := range r.strangers.open {
		n += at.callers
	}
	return n
}
