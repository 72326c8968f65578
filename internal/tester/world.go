package tester

import (
	"strings"

	"countersign.dev/profile"
)

// World is one environment as the tester knows it. Its slices are only read. Safe for concurrent use.
type World struct {
	// Environment is its name, BaseURL what partners are told: https://host, with a port if need be, and nothing behind it.
	// Both are required.
	Environment, BaseURL string
	// APIs are those that the partner may see. Every API of the environment that others lie below must be among them, since a
	// target is given to the API with the longest base path, as the gateway does.
	APIs []API
}

// API is one API of a World. Exactly one of Profile and Tokens says how callers prove who they are.
type API struct {
	// Name is unique in its environment. BasePaths have no slash at the end; at least one.
	Name      string
	BasePaths []string
	// Profile signs; nil where the API takes access tokens. Alternative of it; empty is the profile's own.
	Profile     *profile.Profile
	Alternative string
	// Tokens is set where Profile is nil.
	Tokens *Tokens
}

// Tokens says where the credentials of an API with access tokens stand (seed: Accessing the API).
type Tokens struct {
	// KeyHeader holds the app key and TokenHeader the access token. Endpoint is the path that gives tokens; empty: this API has
	// none.
	KeyHeader, TokenHeader, Endpoint string
}

// API finds an API by name; nil: there is none.
func (w *World) API(name string) *API {
	for i := range w.APIs {
		if w.APIs[i].Name == name {
			return &w.APIs[i]
		}
	}
	return nil
}

// Locate finds the API that the gateway gives a path to: the one with the longest base path that holds it by whole segments
// (security rule 14). nil: none.
func (w *World) Locate(path string) (found *API) {
	longest := 0
	for i := range w.APIs {
		for _, base := range w.APIs[i].BasePaths {
			if len(base) > longest && under(path, base) {
				found, longest = &w.APIs[i], len(base)
			}
		}
	}
	return found
}

func under(path, base string) bool {
	return strings.HasPrefix(path, base) && (len(path) == len(base) || path[len(base)] == '/')
}

// place is scheme and host of the base URL.
func (w *World) place() (scheme, host string, ok bool) {
	for _, scheme := range []string{"https", "http"} {
		host, found := strings.CutPrefix(w.BaseURL, scheme+"://")
		if host = strings.TrimSuffix(host, "/"); found && isHost(host) {
			return scheme, host, true
		}
	}
	return "", "", false
}

// isHost admits what can stand in a Host header without a second thought: the text comes from a configuration, and is written
// to a wire.
func isHost(s string) bool {
	return s != "" && len(s) <= 261 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") == ""
}

// Host is the host of the base URL, with a port if it has one; empty where the base URL is none.
func (w *World) Host() string {
	_, host, _ := w.place()
	return host
}
