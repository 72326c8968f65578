package main

import (
	"crypto/tls"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/tlsfile"
)

// blueprint is what an assembly serves: `dev` makes one of its flags, `serve` one of its configuration. It is never changed
// once it is made; the settings of APIs in it belong to it alone.
type blueprint struct {
	worlds    []worldPrint
	staleness time.Duration // how old the last reading of the register may be; 0: the default of access
	countries string        // MMDB file; empty: none
	drain     time.Duration // how long running requests may take once a stop was asked for
	lameduck  time.Duration // how long readiness says no before the listeners stop to accept

	plane        *planePrint                     // nil: there is no listener for operators
	portal       *portalPrint                    // nil: there is none for partners
	reviews      map[string]partner.ReviewPolicy // by environment; nil: nothing is asked
	retireSilent time.Duration                   // 0: versions are retired by hand alone
	warnBefore   time.Duration                   // 0: nobody is told of versions that end
}

// worldPrint is one environment.
type worldPrint struct {
	environment string
	hosts       []string // nil: any
	address     clientip.Config
	bodyTimeout time.Duration // 0: the default of gateway
	writeStall  time.Duration // 0: the default of gateway
	apis        []apiPrint
	captures    *capturePrint // nil: refused requests are not kept
	doors       []doorPrint
	doorways    []doorwayPrint // for other proxies
}

// apiPrint is one API and what stands behind it.
type apiPrint struct {
	api      *access.API
	upstream upstream.Config
	source   *profilePrint // nil: its refused requests are not kept
	told     *toldProfile  // nil: partners are not told of its profile
	ownHost  bool          // the upstream gets its own Host, also where callers name one of the environment's
}

// doorPrint is one listener of an environment.
type doorPrint struct {
	key          string // what the listener is known by over all blueprints: its address, or a name where its port is 0
	address      string
	hint         string // where the address cannot be taken
	tls          tlsPrint
	dropUnlisted bool
	bounds       doorBounds
}

// doorBounds are what a listener cannot change while it listens. Zeros are the defaults of strict and of the server.
type doorBounds struct {
	maxConns, maxPerPeer, maxHandshakes, maxHead, maxRequestLine, maxHeaderLines int
	handshake, header, idle                                                      time.Duration
	standard                                                                     bool // HTTP/1 is served by net/http
}

// tlsPrint is the one TLS policy of a listener (security rule 29).
type tlsPrint struct {
	fixed      *tls.Certificate // nil: from files, or from source
	files      []tlsfile.Pair
	source     func(*tls.ClientHelloInfo) (*tls.Certificate, error) // of certificates that come by themselves; nil: none
	extra      []string                                             // protocols that source needs beside HTTP
	acme       string                                               // what source is known by; empty: there is none
	minVersion uint16
	clientCA   string // PEM file; empty: callers are not asked for certificates
	clientAuth tls.ClientAuthType
}

// apis are the APIs of all environments.
func (b *blueprint) apis() []*access.API {
	var all []*access.API
	for _, w := range b.worlds {
		for _, p := range w.apis {
			all = append(all, p.api)
		}
	}
	return all
}
