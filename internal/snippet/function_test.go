package snippet_test

import (
	"net/http"
	"slices"
	"testing"

	"countersign.dev/internal/snippet"
	"countersign.dev/profile"
)

// everything uses each name, function and form of time that the programs know. Its variables and its header have names that are
// taken in a program and in the environment; its alternatives are for what has one place only.
const everything = `
profile: everything
language: 2
algorithm: hmac-sha256
message: |
  join('\n', '"it\'s" $HOME #{1} %s €\t', upper(method), lower(path), target, query, host, hostname, port, scheme, url, base_url,
    when(body, hex(sha256('a' + body)), 'none'), or(h.content-type, 'none'),
    when(h.target, h.target + v.token), h.target, opt(h.x-none), ts, nonce, key_id, v.token, v.path, v.inner) + '\n'
vars:
  token: {chars: " -~", max: 64}
  path: {default: "it.is~so"}
  inner: {value: "lower(ts) + nonce"}
wire:
  X-Key: "{key_id}"
  X-Time: "at {ts}"
  X-Who: '"{token}" $HOME'
  X-Other: "{path}"
  Authorization: "Own {b64:{nonce}:{sig}}"
time: {format: unix}
nonce: {min: 8, max: 20}
ambiguous: accept
alternatives:
  ms:
    time: {format: unix_ms}
    ambiguous: refuse
    key: unb64(secret)
    message: |
      join('\n', hex(sha256(target)), b64(sha512(body), pad=0), b64url(md5(path)), b64url(sha1(ts + body), pad=0), upper(hex(sha384(path + '€' + query))),
        pct(b64(sha256(target))), b64(body, pad=0), sha256(body), method, target, nonce, ts)
  http: {time: {format: http_date}, key: unb64url(secret)}
  mail: {time: {format: rfc2822}, key: "unb64url(secret, pad=0)"}
  rfc: {time: {format: rfc3339}, key: "unb64(trim_prefix(secret, 'wh.sec_/'))"}
  rfcms: {time: {format: rfc3339_ms}, key: "lower(secret) + '&'"}
  compact: {time: {format: compact}, key: sha256(secret), signature: "b64url(mac, pad=0)"}
  open: {time: {format: unix_open}, key: unhex(secret), signature: upper(hex(mac))}
  until: {key: unhex(secret), time: {kind: expires, format: unix_ms, window: 60s}, signature: pct(b64(mac)), algorithm: hmac-sha512}
  plain: {ambiguous: refuse, algorithm: sha384, message: "join('\\n', '-n%', secret, ts, nonce, method, target, body)"}
`

// secretOf are the secrets of the alternatives.
var secretOf = map[string]string{
	"": "00ff41Ab", "open": "FFfe00", "until": "41", "ms": "AP9B/+8=", "http": "AP9B_-8=", "mail": "AP9B_-8", "rfc": "wh.sec_/AP9B/+8=",
	"rfcms": "A 'Secret' $HOME", "compact": "any", "plain": "a secret",
}

// TestEveryFunction of the intermediate form, in every language.
func TestEveryFunction(t *testing.T) {
	p, err := profile.Parse("everything.yaml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range snippet.Names() {
		if runners[language].tool == "" {
			continue
		}
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			need(t, runners[language].tool)
			v := newVerifier(t)
			if language == "java" {
				v.trust(t)
			}
			for _, alternative := range append(slices.Clone(p.Names()), "") {
				v.takesAlternative(t, language, p, alternative)
			}
		})
	}
}

func (v *verifier) takesAlternative(t *testing.T, language string, p *profile.Profile, alternative string) {
	t.Helper()
	v.mu.Lock()
	var err error
	if v.scheme, err = p.Alternative(alternative); err != nil {
		t.Fatal(err)
	}
	if v.key, err = v.scheme.NewKey([]byte(secretOf[alternative])); err != nil {
		t.Fatalf("%s: %v", alternative, err)
	}
	v.vars = map[string]string{"token": `it's ${HOME} \ #{1}`, "path": "abc"}
	r := snippet.Request{Method: "PATCH", URL: v.URL + "/Some/Path?Q=%2f&b", Body: []byte(patch), Header: http.Header{"Target": {"\"`1`\""}}}
	if alternative == "open" { // without a body, and with the default
		r.Body, v.vars["path"] = nil, "it.is~so"
		r.Header.Set("Content-Type", "text/plain")
	}
	env := []string{"API_TOKEN=" + keyID, "API_SECRET=" + secretOf[alternative], snippet.Variable("token") + "=" + v.vars["token"]}
	v.mu.Unlock()
	code, err := snippet.Signed(p, alternative, language, r)
	if err != nil {
		t.Errorf("%s: %v", alternative, err)
		return
	}
	if alternative != "open" {
		env = append(env, snippet.Variable("path")+"=abc")
	}
	if exit, out, errOut := execute(t, language, code, v.ca, env...); exit != 0 || out != "202\ntaken: ½\n" {
		t.Errorf("%s: exit code %d: %s%s\n%s", alternative, exit, out, errOut, code)
	}
}
