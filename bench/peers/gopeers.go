//go:build linux

package main

import (
	"crypto/tls"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
)

// caddy passes on, with the certificate of the site.
func caddy(s *site, port int) (*process, error) {
	conf, err := s.write("Caddyfile", `{
	admin off
	auto_https off
	log {
		level ERROR
	}
}
https://localhost:%d {
	bind 127.0.0.1
	tls %[2]s/cert.pem %[2]s/key.pem
	reverse_proxy %[3]s {
		transport http {
			keepalive_idle_conns_per_host 512
		}
	}
}
`, port, s.dir, s.backend)
	if err != nil {
		return nil, err
	}
	return s.start("caddy", []string{"HOME=" + s.dir, "XDG_DATA_HOME=" + s.dir, "XDG_CONFIG_HOME=" + s.dir}, "caddy", "run", "--config", conf, "--adapter", "caddyfile")
}

// reverseProxy is this program as a bare reverse proxy.
func reverseProxy(s *site, port int) (*process, error) {
	return s.start("go-reverseproxy", nil, s.self, "reverse", strconv.Itoa(port), s.path("cert.pem"), s.path("key.pem"), "http://"+s.backend)
}

// reverse serves what the standard library offers: args are port, certificate, key and the backend's URL.
func reverse(args []string) error {
	to, err := url.Parse(args[3])
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost, transport.DisableCompression = 0, 512, true
	server := &http.Server{Addr: "127.0.0.1:" + args[0], TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ErrorLog: log.Default(),
		Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }, Transport: transport}}
	return server.ListenAndServeTLS(args[1], args[2])
}
