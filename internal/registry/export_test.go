package registry

// Callers is how many authentications of a credential are under way or waiting.
func (r *Registry) Callers(credentialID string) int { return r.gates.Callers(credentialID) }

// Strangers is how many callers with a login that is not the credential's are under way or waiting, of all credentials.
func (r *Registry) Strangers() int { return r.strangers.All() }
