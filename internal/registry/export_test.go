package registry

import "time"

// ServePiece is how many rows are read between two pauses while requests are decided on.
const ServePiece = servePiece

// PauseWith has a reader pause with something else than giveway.For.
func (d *Reader) PauseWith(pause func(time.Duration)) { d.pause = pause }

// Callers is how many authentications of a credential are under way or waiting.
func (r *Registry) Callers(credentialID string) int { return r.gates.Callers(credentialID) }

// Strangers is how many callers with a login that is not the credential's are under way or waiting, of all credentials.
func (r *Registry) Strangers() int { return r.strangers.All() }
