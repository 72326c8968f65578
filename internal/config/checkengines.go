package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// maxURL bounds the file with the database's URL.
const maxURL = 4 << 10

// engines looks at the files that shared engines need. It connects to nothing.
func (k checker) engines() {
	if k.c.SharedRegister() && k.private("register.url_file", k.c.Register.URLFile, 0o077, "write the database's URL into it, on one line, mode 0600") {
		k.databaseURL("register.url_file", k.c.Register.URLFile)
	}
	v := k.c.Valkey
	if v == nil || !k.c.UsesValkey() {
		return
	}
	if v.PasswordFile != "" {
		k.private("valkey.password_file", v.PasswordFile, 0o077, "write the password into it, on one line")
	}
	if v.TLS != nil {
		k.authorities("valkey.tls.ca_file", v.TLS.CAFile)
		k.client("valkey.tls", v.TLS.CertFile, v.TLS.KeyFile)
	}
}

// databaseURL looks at the text of the URL, of which nothing is told: it may hold the password.
func (k checker) databaseURL(path, file string) {
	text, err := readNamed(file)
	if err != nil {
		k.wrong(path, err, "")
		return
	}
	defer clear(text)
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	host, sslmode, ok := databaseOf(line)
	switch {
	case len(text) > maxURL || line == "" || strings.ContainsAny(line, "\n\r"):
		k.at(k.c, path, file+" does not hold one line", "write the database's URL into it, on one line")
	case !ok:
		k.at(k.c, path, file+" does not hold the URL of a PostgreSQL database", "it is like postgres://countersign@db.example.com/countersign?sslmode=verify-full")
	case !ofThisMachine(host) && sslmode != "verify-full":
		k.warn(k.c, path, fmt.Sprintf("the URL in %s lets a stranger answer for the database: its sslmode is not verify-full", file), "add ?sslmode=verify-full, and sslrootcert where the authority is your own")
	}
}

// keyword is one of the words by which libpq's other form names a host and a mode.
var keyword = regexp.MustCompile(`(?:^|\s)(host|sslmode)\s*=\s*(?:'([^']*)'|(\S+))`)

// databaseOf is where a URL of PostgreSQL, or libpq's keywords and values, lead, and how the server has to prove itself.
func databaseOf(line string) (host, sslmode string, ok bool) {
	u, err := url.Parse(line)
	if err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		q := u.Query()
		return either(q.Get("host"), u.Hostname()), q.Get("sslmode"), true
	}
	for _, found := range keyword.FindAllStringSubmatch(line, -1) {
		ok = true
		if found[1] == "host" {
			host = found[2] + found[3]
		} else {
			sslmode = found[2] + found[3]
		}
	}
	return host, sslmode, ok && !strings.Contains(line, "://")
}

// ofThisMachine reports whether a host is a socket or an address of this machine, where no stranger can answer.
func ofThisMachine(host string) bool {
	return strings.HasPrefix(host, "/") || loopback(net.JoinHostPort(host, "1"))
}
