// Package caller owns who a model upstream believes it is talking to, and the
// state that it keeps for each of them.
//
// Identity is taken from the gateway's own headers and from nowhere else: the
// vendors' credential headers are stripped before a request gets here, and would
// not be believed if they were not. It refuses a request without exactly one
// environment and one partner, which answers the attack of reaching the model
// past the gateway or with a doubled identity header, and it keeps a bound on the
// number of states, which answers exhaustion of memory by invented names.
package caller

import (
	"errors"
	"net/http"
)

// The identity headers that the gateway sets on every forwarded request, after it
// has deleted whatever the client sent in that name space (security rule 19).
const (
	// EnvironmentHeader names the environment in which the request was admitted.
	EnvironmentHeader = "Countersign-Environment"
	// PartnerHeader names the partner that proved who it is.
	PartnerHeader = "Countersign-Partner"
)

// MaxNameBytes bounds an environment's and a partner's name.
const MaxNameBytes = 200

var (
	// ErrUnnamed says that an identity header is missing, doubled, empty, too long
	// or holds anything but visible ASCII.
	ErrUnnamed = errors.New("caller is not named")
	// ErrEnvironment says that the request was admitted to another environment than
	// the one that this model serves: a fault of the wiring, so it is refused.
	ErrEnvironment = errors.New("caller is of another environment")
)

// Caller is the key under which state is kept apart. The zero value names nobody
// and is never returned without an error. It is comparable and immutable.
type Caller struct {
	// Environment is the world of the request, "sandbox" for one.
	Environment string
	// Partner is the partner's id in the gateway's own vocabulary.
	Partner string
}

// Parse reads the caller from the identity headers. An empty environment accepts
// any; otherwise a request from another one is ErrEnvironment. It is pure and safe
// for concurrent use. Errors: ErrUnnamed, ErrEnvironment (design decision 7 and
// security rules 7 and 19).
func Parse(header http.Header, environment string) (Caller, error) {
	env, ok := name(header.Values(EnvironmentHeader))
	if !ok {
		return Caller{}, ErrUnnamed
	}
	partner, ok := name(header.Values(PartnerHeader))
	if !ok {
		return Caller{}, ErrUnnamed
	}
	if environment != "" && env != environment {
		return Caller{}, ErrEnvironment
	}
	return Caller{Environment: env, Partner: partner}, nil
}

// name accepts exactly one value of visible ASCII.
func name(values []string) (string, bool) {
	if len(values) != 1 || values[0] == "" || len(values[0]) > MaxNameBytes {
		return "", false
	}
	for i := range len(values[0]) {
		if c := values[0][i]; c <= ' ' || c > '~' {
			return "", false
		}
	}
	return values[0], true
}
