package middleware

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"

	"countersign.dev/internal/edge/gateway/strict"
)

// Listener puts the strict reader of the gateway between inner and srv. It looks at the bytes of every HTTP/1 connection before
// net/http does, and refuses what net/http repairs or hides: two lengths, a length beside chunks, folded lines, a bare line feed,
// anything that two programs could read in two ways (security rule 24). It bounds handshakes and connections, too.
//
// inner is a plain TCP listener: the handshake is done here, by the policy of srv.TLSConfig, which is required and has at least one
// certificate; TLS 1.2 is the floor. srv is prepared for it: call Listener once for a server, before its Serve, and pass Serve what
// it returns; closing that closes inner. What is refused before a handler runs stands in the decision record.
func (m *Middleware) Listener(srv *http.Server, inner net.Listener) (net.Listener, error) {
	if srv == nil || inner == nil || srv.TLSConfig == nil {
		return nil, errors.New("middleware: Listener needs a server with a TLSConfig, and a listener")
	}
	policy := srv.TLSConfig.Clone()
	policy.NextProtos = []string{"h2", "http/1.1"}
	trusted := m.environment.TrustedProxies
	l, err := strict.New(inner, strict.Config{
		TLS: policy, Answer: m.answerUnread,
		Exempt: func(peer netip.Addr) bool {
			return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(peer) })
		},
	})
	if err != nil {
		return nil, err
	}
	strict.Configure(srv, l)
	return l, nil
}

// answerUnread refuses and records what net/http must not see; nil once Close was called: the reader has an answer of its own.
func (m *Middleware) answerUnread(peer netip.AddrPort, fault strict.Fault) []byte {
	if !m.enter() {
		return nil
	}
	defer m.leave()
	return m.gate.AnswerUnread(peer, fault)
}
