package e2e_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"countersign.dev/internal/heldport"
)

// proxied is another proxy in front of the API, with Countersign deciding behind it: what a company runs that has its own.
type proxied struct {
	*rig        // asks the proxy
	server *dev // countersign itself
	site   *site
	log    *buffer // of the proxy
}

// doors is what the sandbox of these tests has for other proxies: all kinds at once, each on a socket or a port of its own.
func (s *site) doors(t *testing.T) map[string]string {
	t.Helper()
	at := map[string]string{}
	lines := []string{"    doors:"}
	for _, kind := range []string{"nginx", "nginx_auth_request", "haproxy", "caddy"} {
		at[kind] = freeAddress(t)
		lines = append(lines, fmt.Sprintf("      - {kind: forward_auth, proxy: %s, address: %q, proxies: [127.0.0.1/32]}", kind, at[kind]))
	}
	text := strings.Replace(s.text(), "    apis:\n", strings.Join(lines, "\n")+"\n    apis:\n", 1)
	s.writeText(t, text)
	return at
}

// freeAddress is one that nobody listens on and nobody else is given.
func freeAddress(t *testing.T) string {
	t.Helper()
	return heldport.Hold(t, "127.0.0.1")
}

// example reads a file of deploy/ with some of its texts exchanged; each must be there.
func example(t *testing.T, name string, exchanged ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "deploy", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	out := string(text)
	for i := 0; i < len(exchanged); i += 2 {
		if !strings.Contains(out, exchanged[i]) {
			t.Fatalf("deploy/%s has no %q", name, exchanged[i])
		}
		out = strings.ReplaceAll(out, exchanged[i], exchanged[i+1])
	}
	return out
}

// put writes a file of the test.
func put(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run starts a proxy, which ends with the test, also where that dies, and waits until it listens.
func run(t *testing.T, address string, cmd *exec.Cmd) *buffer {
	t.Helper()
	log := new(buffer)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return log
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%v ended: %v\n%s", cmd.Args, err, log)
		default:
		}
		if time.Since(begun) > startLimit {
			t.Fatalf("%v does not listen\n%s", cmd.Args, log)
		}
	}
}

// behind is what asks the proxy at an address, as the tests ask a gateway.
func (s *site) behind(t *testing.T, server *dev, address string, log *buffer) *proxied {
	t.Helper()
	front := *server
	front.Environments = map[string]environment{}
	for name, e := range server.Environments {
		front.Environments[name] = e
	}
	e := front.Environments[sandbox]
	e.BaseURL = "https://" + address
	front.Environments[sandbox] = e
	return &proxied{rig: &rig{dev: &front, upstream: s.upstream}, server: server, site: s, log: log}
}

// nginx runs Debian's nginx with an example of deploy/nginx.
func (s *site) nginx(t *testing.T, server *dev, name, door, socket string) *proxied {
	t.Helper()
	need(t, "nginx")
	address, dir := freeAddress(t), t.TempDir()
	_, port, _ := net.SplitHostPort(address)
	exchanged := []string{"listen 443 ssl", "listen 127.0.0.1:" + port + " ssl", "/etc/nginx/tls/api.pem", s.cert, "/etc/nginx/tls/api-key.pem", s.key,
		"unix:/run/countersign/" + socket, door, "127.0.0.1:8081", s.upstream.ln.Addr().String()}
	if name == "auth_request.conf" {
		exchanged = append(exchanged, "127.0.0.1:8443", strings.TrimPrefix(server.Environments[sandbox].BaseURL, "https://"),
			"/etc/nginx/tls/countersign-ca.pem", s.cert, "proxy_ssl_name api.example.com", "proxy_ssl_name own")
	}
	put(t, filepath.Join(dir, "countersign.conf"), example(t, "nginx/"+name, exchanged...))
	put(t, filepath.Join(dir, "countersign", "strip.conf"), example(t, "nginx/strip.conf"))
	put(t, filepath.Join(dir, "countersign", "answers.conf"), example(t, "nginx/answers.conf"))
	main := put(t, filepath.Join(dir, "nginx.conf"), fmt.Sprintf(`daemon off; master_process off; worker_processes 1; pid %[1]s/pid; error_log stderr info;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  include %[1]s/countersign.conf;
}
`, dir))
	return s.behind(t, server, address, run(t, address, exec.Command("nginx", "-p", dir, "-c", main, "-e", "stderr")))
}

// haproxy runs Debian's HAProxy with the example of deploy/haproxy, in which more texts may be exchanged.
func (s *site) haproxy(t *testing.T, server *dev, door string, more ...string) *proxied {
	t.Helper()
	need(t, "haproxy")
	address, dir := freeAddress(t), t.TempDir()
	certificate, err := os.ReadFile(s.cert)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(s.key)
	if err != nil {
		t.Fatal(err)
	}
	pair := put(t, filepath.Join(dir, "api.pem"), string(certificate)+string(key))
	script := put(t, filepath.Join(dir, "countersign.lua"), example(t, "haproxy/countersign.lua"))
	main := put(t, filepath.Join(dir, "haproxy.cfg"), example(t, "haproxy/haproxy.cfg", append([]string{"bind :443", "bind " + address, "/etc/haproxy/tls/api.pem", pair,
		"/etc/haproxy/countersign.lua", script, "127.0.0.1:9913", door, "127.0.0.1:8081", s.upstream.ln.Addr().String()}, more...)...))
	return s.behind(t, server, address, run(t, address, exec.Command("haproxy", "-db", "-f", main)))
}

// caddy runs Debian's Caddy with the example of deploy/caddy.
func (s *site) caddy(t *testing.T, server *dev, door string) *proxied {
	t.Helper()
	need(t, "caddy")
	address, dir := freeAddress(t), t.TempDir()
	main := put(t, filepath.Join(dir, "Caddyfile"), example(t, "caddy/Caddyfile", "https://api.example.com {", "https://"+address+" {", "/etc/caddy/tls/api.pem", s.cert,
		"/etc/caddy/tls/api-key.pem", s.key, "127.0.0.1:9914", door, "127.0.0.1:8081", s.upstream.ln.Addr().String(),
		"127.0.0.1:8443", strings.TrimPrefix(server.Environments[sandbox].BaseURL, "https://"), "/etc/caddy/tls/countersign-ca.pem", s.cert, "tls_server_name api.example.com", "tls_server_name 127.0.0.1"))
	cmd := exec.Command("caddy", "run", "--config", main, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "HOME="+dir)
	return s.behind(t, server, address, run(t, address, cmd))
}
