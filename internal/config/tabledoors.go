package config

import (
	"path/filepath"
	"strconv"
	"strings"

	"countersign.dev/internal/config/document"
)

// maxSocketPath is what every system's addresses of sockets have room for.
const maxSocketPath = 100

func (d *decoder) door(o *Door) []setting {
	return []setting{
		value("kind", &o.Kind, oneOf(DoorForwardAuth, DoorExtAuthz, DoorExtAuthzHTTP), "What is spoken: a sub-request of nginx, Caddy, Traefik or HAProxy, or Envoy's check over gRPC or HTTP.").need().like(DoorForwardAuth),
		value("proxy", &o.Proxy, oneOf("nginx", "nginx_auth_request", "caddy", "traefik", "haproxy", "envoy"), "Who asks. It decides how questions are read, so that each proxy has a door of its own. docs/guide/proxies.md says what each carries.").
			told("`envoy`; needed with `forward_auth`").like("nginx"),
		value("address", &o.Address, socketOrListen(), "Address to listen on: an IP address or nothing, and a port; or `unix:` and the path of a socket, which gets mode 0660. Another address than loopback needs `tls` or `allow_plain`.").need().like("127.0.0.1:9910"),
		lines("proxies", &o.Proxies, 1, proxies(), "Networks of the proxies that may ask; everybody else is answered 403. Needed unless `address` is a socket.").like("[127.0.0.1/32]"),
		value("secret_file", &o.SecretFile, d.path(), "File with a secret on one line, mode 0600, 16 to 256 bytes, that each question has to carry in the header `Countersign-Door-Secret`. It is read when the server starts or reloads.").like("/etc/countersign/door-secret"),
		value("whole_body", &o.WholeBody, truth(), "The proxy hands over every body whole: Traefik with `forwardBody: true`. Traefik does not say so itself, and without it no signed request passes there.").or("false"),
		value("allow_plain", &o.AllowPlain, truth(), "Let `address` be another one than loopback without `tls`: whoever is between reads credentials and can let anybody in.").or("false"),
		optional("tls", &o.TLS, d.adminTLS, "Its certificate, files that are read again when they change. Without it, plain HTTP on loopback or a socket."),
		value("client_ca_file", &o.ClientCAFile, d.path(), "Certificate authorities (PEM): every proxy must show a certificate of one of them. Needs `tls`.").like("/etc/countersign/proxies-ca.pem"),
		optional("envoy", &o.Envoy, d.doorEnvoy, "Settings of Envoy's filter that its check requests do not show, for `ext_authz` and `ext_authz_http`."),
		value("max_body", &o.MaxBody, size(kib, 64*mib), "Bytes of a body that is handed over. The caps of the APIs count as well.").or("1MiB"),
		value("max_connections", &o.MaxConnections, count(1, 100_000), "Open connections at once.").or("1024"),
		value("standard", &o.Standard, truth(), "Serve questions over HTTP with Go's standard server in place of countersign's own, which costs less and reads more strictly. Not with `ext_authz`, which is gRPC.").or("false"),
	}
}

// socketOrListen is an address to listen on, or the path of a socket behind "unix:".
func socketOrListen() format[string] {
	f := listen("")
	address := f.parse
	at := plain("address", "HOST:PORT, or unix:PATH", `^(unix:/.+|.*:[0-9]{1,5})$`, func(s string) (string, string, string) { return s, "", "" }, same)
	text := at.parse
	at.parse = func(n *document.Node) (string, string, string) {
		s, message, hint := text(n)
		path, socket := strings.CutPrefix(s, "unix:")
		switch {
		case message != "":
			return s, message, hint
		case !socket:
			return address(n)
		case !filepath.IsAbs(path) || filepath.Clean(path) != path || strings.ContainsAny(path, "\x00\n\r ") || len(path) > maxSocketPath:
			return "", quote(s) + " is not the path of a socket", "write unix: and a whole path of at most " + strconv.Itoa(maxSocketPath) + " bytes, for example unix:/run/countersign/door.sock"
		}
		return s, "", ""
	}
	return at
}

// isSocket reports whether an address of a door is a socket's.
func isSocket(address string) bool { return strings.HasPrefix(address, "unix:") }

// onThisMachine reports whether only this machine reaches a door.
func onThisMachine(address string) bool { return isSocket(address) || loopback(address) }
