//go:build linux

package main

// nginxModules is where Debian puts the modules of nginx.
const nginxModules = "/usr/lib/nginx/modules"

const nginxConf = `%[4]s
worker_processes 1; daemon off; pid %[1]s/%[5]s.pid; error_log %[1]s/%[5]s.log error;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  keepalive_requests 1000000000; keepalive_timeout 600s; client_max_body_size 2m; client_body_buffer_size 128k;
  upstream api { server %[2]s; keepalive 512; keepalive_requests 1000000000; }
  %[6]s
  server {
    listen 127.0.0.1:%[3]d ssl http2 backlog=4096;
    ssl_certificate %[1]s/cert.pem; ssl_certificate_key %[1]s/key.pem; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off;
    http2_max_requests 1000000000;
    location / { %[7]s proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`

func nginxPlain(s *site, port int) (*process, error) { return s.nginx("nginx", port, "", "", "") }

// nginxChecking checks the signature over time, method and target: a script of js_set does not see the body.
func nginxChecking(s *site, port int) (*process, error) {
	if _, err := s.write("check.js", `import crypto from 'crypto';
function verify(r) {
  const ts = r.headersIn['X-Auth-Timestamp'], given = r.headersIn['X-Auth-Signature'];
  if (r.headersIn['X-Auth-Token'] !== %q || !ts || !given || Math.abs(Date.now() / 1000 - Number(ts)) > 300) { return '0'; }
  return crypto.createHmac('sha256', %q).update(ts + r.method + r.variables.request_uri).digest('hex') === given ? '1' : '0';
}
export default { verify };
`, s.given.keyID, s.given.secret); err != nil {
		return nil, err
	}
	return s.nginx("nginx-njs", port, "load_module "+nginxModules+"/ngx_http_js_module.so;",
		"js_path "+s.dir+"; js_import check from check.js; js_set $verified check.verify;", `if ($verified != "1") { return 401; }`)
}

func (s *site) nginx(name string, port int, load, script, guard string) (*process, error) {
	conf, err := s.write(name+".conf", nginxConf, s.dir, s.backend, port, load, name, script, guard)
	if err != nil {
		return nil, err
	}
	return s.start(name, nil, "nginx", "-e", s.path(name+".log"), "-c", conf)
}
