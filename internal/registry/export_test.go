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
