package config

import (
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"countersign.dev/internal/config/document"
)

func (d *decoder) register(r *Register) []setting {
	return []setting{
		value("engine", &r.Engine, oneOf(EngineSQLite, EnginePostgres), "`sqlite`: a file in the data folder, for the servers of one machine. `postgres`: a database that many machines share.").or(EngineSQLite),
		value("url_file", &r.URLFile, d.path(), "File with the database's URL on one line, mode 0600, since it may hold the password: postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full. Needed with `postgres`.").like("/etc/countersign/register.url"),
		value("connections", &r.Connections, count(2, 1000), "Connections of this process to the database at most, half of them for those who change something; one more listens for changes. Requests need none.").or("8"),
	}
}

func (d *decoder) valkey(v *Valkey) []setting {
	return []setting{
		lines("addresses", &v.Addresses, 1, cacheAddress(), "HOST:PORT of the server, or the path of its unix socket; with `sentinel` those of the sentinels, with `cluster` those of some of its nodes, at most 32.").need().like(`["cache.example:6379"]`),
		value("mode", &v.Mode, oneOf("single", "sentinel", "cluster"), "How the servers stand to each other. `single`: one server, or one name that always leads to the primary.").or("single"),
		value("master", &v.Master, word("name", "write the name under which the sentinels know the primary"), "The primary's name. Needed with `sentinel`.").like("countersign"),
		value("username", &v.Username, word("user name", "write one word"), "User of the server's access list. Needs `password_file`.").like("countersign"),
		value("password_file", &v.PasswordFile, d.path(), "File with the password on one line, mode 0600. It is read at each connection, so that it can be changed.").like("/etc/countersign/cache-password"),
		optional("tls", &v.TLS, d.valkeyTLS, "Speak TLS on each connection; `{}` takes the system's authorities. Without it every address is of this machine, unless `plain` says otherwise."),
		value("plain", &v.Plain, truth(), "Let an address be another machine without TLS: the network between is trusted. Whoever listens there sees the password, and whoever writes there decides about replays.").or("false"),
		value("timeout", &v.Timeout, span(time.Millisecond, 5*time.Second, ""), "How long a request waits for the servers at most. The first one that got no answer makes all others fail at once, until the servers answer again.").or("50ms"),
		value("prefix", &v.Prefix, keyPrefix(), "Begins the name of every key, so that several installations can share a server. The same on all nodes of one.").or(`"countersign:"`),
	}
}

func (d *decoder) valkeyTLS(t *ValkeyTLS) []setting {
	return []setting{
		value("ca_file", &t.CAFile, d.path(), "Certificate authorities (PEM) for the server's certificate.").told("those of the system").like("/etc/countersign/cache-ca.pem"),
		value("cert_file", &t.CertFile, d.path(), "Client certificate (PEM). Together with `key_file`.").like("/etc/countersign/cache-client.pem"),
		value("key_file", &t.KeyFile, d.path(), "Its key (PEM), mode 0600.").like("/etc/countersign/cache-client-key.pem"),
		value("server_name", &t.ServerName, host(), "Name that the server's certificate must have.").told("the host of the address").like("cache.example"),
	}
}

func (d *decoder) replay(r *Replay) []setting {
	return []setting{
		value("engine", &r.Engine, oneOf(EngineMemory, EngineValkey), "`memory`: a journal in the data folder, for one node. `valkey`: all nodes share the memory on the server of `valkey`, so that a request which one has let in is refused by the others.").or(EngineMemory),
		value("durability", &r.Durability, oneOf("buffered", "sync"), "With `memory`. `buffered`: the journal survives the end of the process, however it ends; a loss of power can bring back requests of the last seconds, until their window is over. `sync`: a request counts when its entry is on the disk; each one that is remembered waits for an fsync, which many share.").or("buffered"),
		value("unreachable", &r.Unreachable, whenUnreachable(), "With `valkey`, while it does not answer: `refuse` with 503 what must not be repeated, or `allow` it with a warning in its line of the record: whoever captured a request can repeat it then, within its window.").or("refuse"),
		value("max_drift", &r.MaxDrift, wholeSeconds(time.Second, time.Minute), "With `valkey`: how far the clock of this node and the server's may be apart before nothing that must not be repeated is let in. The same on all nodes.").or("5s"),
		value("wait_replicas", &r.WaitReplicas, count(0, 8), "With `valkey`: how many of its replicas must have an entry before the request is let in. Each request waits for them, and is refused while there are fewer.").or("0"),
	}
}

func (d *decoder) counting(c *Counting) []setting {
	return []setting{
		value("engine", &c.Engine, oneOf(EngineMemory, EngineValkey), "`memory`: each node counts for itself, and a partner gets its limit once from each. `valkey`: all nodes count together on the server of `valkey`.").or(EngineMemory),
		value("unreachable", &c.Unreachable, whenUnreachable(), "With `valkey`, while it does not answer: `refuse` with 503 what has a limit, or `allow` it uncounted.").or("refuse"),
	}
}

func whenUnreachable() format[string] { return oneOf("refuse", "allow") }

// wholeSeconds is a span without a fraction of a second.
func wholeSeconds(least, most time.Duration) format[time.Duration] {
	f := span(least, most, "")
	inner := f.parse
	f.bounds += ", whole seconds"
	f.parse = func(n *document.Node) (time.Duration, string, string) {
		v, message, hint := inner(n)
		if message == "" && v%time.Second != 0 {
			return 0, quote(n.Text) + " has a part of a second", "write whole seconds"
		}
		return v, message, hint
	}
	return f
}

// cacheAddress is HOST:PORT of a server, or the path of its socket.
func cacheAddress() format[string] {
	return plain("address", "HOST:PORT, or the path of a socket", "^(/.+|.+:[0-9]{1,5})$", func(s string) (string, string, string) {
		if strings.HasPrefix(s, "/") {
			if strings.ContainsFunc(s, unicode.IsControl) {
				return "", "not a path", "write the path of the server's unix socket"
			}
			return filepath.Clean(s), "", ""
		}
		host, port, err := net.SplitHostPort(s)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
			return "", quote(s) + " is neither HOST:PORT nor the path of a socket", "for example cache.example:6379 or /run/valkey/valkey.sock"
		}
		if ip, err := netip.ParseAddr(host); (err != nil || ip.Zone() != "") && !hostName.MatchString(strings.ToLower(host)) {
			return "", quote(host) + " is neither an address nor a host name", ""
		}
		return s, "", ""
	}, same)
}

var prefixText = regexp.MustCompile(`^[a-zA-Z0-9_.:-]{1,64}$`)

// keyPrefix begins the names of keys. A brace in it would be a hash tag of its own.
func keyPrefix() format[string] {
	return plain("prefix", "1 to 64 of a-z, A-Z, 0-9 and -_.:", prefixText.String(), func(s string) (string, string, string) {
		if !prefixText.MatchString(s) {
			return "", quote(s) + " cannot begin the name of a key", "1 to 64 of a-z, A-Z, 0-9 and -_.:"
		}
		return s, "", ""
	}, same)
}
