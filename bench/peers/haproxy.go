//go:build linux

package main

import (
	"encoding/base64"
	"fmt"
)

const haproxyConf = `global
  nbthread 1
  maxconn 8192
  tune.bufsize 98304
  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 60s
  timeout http-request 60s
  http-reuse always
frontend api
  bind 127.0.0.1:%d ssl crt %s/both.pem alpn h2,http/1.1
%s  default_backend api
backend api
  server one %s maxconn 512 pool-max-conn 512
`

// haproxyGuard is what an authenticating HAProxy looks like: everything in its own language, nothing in Lua.
const haproxyGuard = `  option http-buffer-request
  http-request deny deny_status 403 unless { src 127.0.0.1/32 }
  http-request deny deny_status 401 unless { req.hdr(x-auth-token) -m str %s }
  http-request set-var(txn.ts) req.hdr(x-auth-timestamp)
  http-request deny deny_status 401 unless { date,sub(txn.ts) ge -300 } { date,sub(txn.ts) le 300 }
  http-request set-var(txn.method) method
  http-request set-var(txn.target) pathq
  http-request set-var(txn.body) req.body
  http-request set-var(txn.given) req.hdr(x-auth-signature)
  http-request set-var(txn.made) var(txn.ts),concat(,txn.method,),concat(,txn.target,),concat(,txn.body,),hmac(sha256,%s),hex,lower
  http-request deny deny_status 401 unless { var(txn.made),secure_memcmp(txn.given) }
`

func haproxyPlain(s *site, port int) (*process, error) { return s.haproxy("haproxy", port, "") }

func haproxyChecking(s *site, port int) (*process, error) {
	return s.haproxy(yardstick, port, fmt.Sprintf(haproxyGuard, s.given.keyID, base64.StdEncoding.EncodeToString([]byte(s.given.secret))))
}

func (s *site) haproxy(name string, port int, guard string) (*process, error) {
	conf, err := s.write(name+".cfg", haproxyConf, port, s.dir, guard, s.backend)
	if err != nil {
		return nil, err
	}
	return s.start(name, nil, "haproxy", "-db", "-f", conf)
}
