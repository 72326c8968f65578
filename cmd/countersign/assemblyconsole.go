package main

import (
	"crypto/rand"
	"net/http"
	"strings"

	"countersign.dev/internal/edge/console"
)

// consoleHome is the console's first page, and where a sign-in leads that was asked for nothing else.
const consoleHome = "/console/"

// planePages is what the operators' plane answers outside of its API: the console, the sign-in, and the way to the console.
type planePages struct {
	console http.Handler
	signIn  http.Handler
}

// ServeHTTP implements http.Handler. The plane has checked the host.
func (p *planePages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		http.Redirect(w, r, consoleHome, http.StatusSeeOther)
	case strings.HasPrefix(path, consoleHome) || path+"/" == consoleHome:
		p.console.ServeHTTP(w, r)
	default:
		p.signIn.ServeHTTP(w, r)
	}
}

// newConsole makes the console in front of the plane's own API.
func (a *assembly) newConsole(api http.Handler) (*console.Server, error) {
	return console.New(console.Config{API: api, Now: a.now, Rand: rand.Reader,
		Log: func(what string, err error) { a.log.Error("the console failed", "step", what, "cause", err.Error()) }})
}
