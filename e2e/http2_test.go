package e2e_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// client is the standard library's client, over HTTP/2 alone.
func (d *dev) client(t *testing.T) *http.Client {
	t.Helper()
	roots, err := d.roots()
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, Protocols: protocols, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: wireLimit}
}

// request is c for a real HTTP client.
func (c call) request(t *testing.T, e environment) *http.Request {
	t.Helper()
	ts := now()
	req, err := http.NewRequest(c.method, e.BaseURL+c.target, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	signature := mac(e.Card.APISecret, ts, c.method, c.target, c.body)
	tell(signature)
	for name, value := range map[string]string{"X-Auth-Token": e.Card.APIToken, "X-Auth-Timestamp": ts, "X-Auth-Signature": signature} {
		req.Header.Set(name, value)
	}
	return req
}

// TestHTTP2: a signed request, a refused one and the token protocol over HTTP/2, by the standard library's client.
func TestHTTP2(t *testing.T) {
	r := onRecorder(t)
	e, client := r.Environments[sandbox], r.client(t)
	c := patch("h2")
	c.target += "?a=%2f;b&&c"
	requests, size := r.upstream.mark()
	resp, err := client.Do(c.request(t, e))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != 200 || resp.Header.Get("Countersign-Request-Id") == "" {
		t.Errorf("%v", resp)
	}
	got, raw := r.upstream.since(requests, size)
	if len(got) != 1 || got[0].method != c.method || got[0].target != c.target || string(got[0].body) != c.body {
		t.Fatalf("arrived as %q", raw)
	}
	refused := c.request(t, e)
	refused.Header.Del("X-Auth-Signature")
	r.untouched(t, func() {
		resp, err := client.Do(refused)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		a := &answer{resp.Proto, resp.StatusCode, resp.Header, body}
		r.refused(t, a, 401, "missing_header", "missing_header")
		if l := r.line(t, a); !strings.Contains(l.text("protocol"), "2") {
			t.Errorf("protocol of the decision line: %v", l)
		}
	})
}

// TestHTTP2Streaming: the first part of an answer arrives before the upstream has sent the second.
func TestHTTP2Streaming(t *testing.T) {
	r := onRecorder(t)
	c, proceed := get("h2-stream"), make(chan struct{})
	r.upstream.on(c.target, func(w io.Writer, _ *seen) { streamed(w, "chunked", proceed) })
	resp, err := r.client(t).Do(c.request(t, r.Environments[sandbox]))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, 5)
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "first" {
		t.Fatalf("%q, %v", first, err)
	}
	close(proceed)
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "second" {
		t.Errorf("%q, %v", rest, err)
	}
}

// TestCurlHTTP2: the same by curl.
func TestCurlHTTP2(t *testing.T) {
	need(t, "curl")
	if out, err := exec.Command("curl", "--version").Output(); err != nil || !bytes.Contains(out, []byte("HTTP2")) {
		lacking(t, "a curl with HTTP/2 is not installed")
	}
	r := onModels(t)
	e, ts, target := r.Environments[sandbox], now(), "/api/v1/get-cards?at="+rand.Text()
	body := `{"person_id":"` + demoPerson + `"}`
	signature := mac(e.Card.APISecret, ts, "POST", target, body)
	tell(signature)
	file := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("curl", "-sS", "--http2", "--cacert", r.CAFile, "-w", "\n%{http_version} %{http_code}", "--data-binary", "@"+file,
		"-H", "Content-Type: application/json", "-H", "X-Auth-Token: "+e.Card.APIToken, "-H", "X-Auth-Timestamp: "+ts,
		"-H", "X-Auth-Signature: "+signature, e.BaseURL+target).CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "\n2 200") || !strings.Contains(string(out), `"status":"success"`) {
		t.Errorf("%v: %s", err, out)
	}
}

// frames is an HTTP/2 connection on which a test writes frames of its own.
type frames struct {
	*http2.Framer
	block bytes.Buffer
	enc   *hpack.Encoder
}

func (d *dev) frames(t *testing.T, env string) *frames {
	t.Helper()
	w := d.dial(t, env, "h2")
	w.send(http2.ClientPreface)
	f := &frames{Framer: http2.NewFramer(w, w)}
	f.enc = hpack.NewEncoder(&f.block)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return f
}

// headers writes one HEADERS frame on stream 1.
func (f *frames) headers(t *testing.T, end bool, fields ...[2]string) {
	t.Helper()
	f.block.Reset()
	for _, h := range fields {
		if err := f.enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}); err != nil {
			t.Fatal(err)
		}
	}
	err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block.Bytes(), EndHeaders: true, EndStream: end})
	if err != nil {
		t.Fatal(err)
	}
}

// answer reads frames until stream 1 has ended. A stream or connection that is reset gives status 0.
func (f *frames) answer(t *testing.T) *answer {
	t.Helper()
	a := &answer{proto: "HTTP/2.0", header: http.Header{}}
	for deadline := time.Now().Add(wireLimit); time.Now().Before(deadline); {
		frame, err := f.ReadFrame()
		if err != nil {
			return a
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = f.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			for _, h := range frame.Fields {
				a.header.Add(h.Name, h.Value)
			}
			_ = json.Unmarshal([]byte(frame.PseudoValue("status")), &a.status)
			if frame.StreamEnded() {
				return a
			}
		case *http2.DataFrame:
			a.body = append(a.body, frame.Data()...)
			if frame.StreamEnded() {
				return a
			}
		case *http2.RSTStreamFrame:
			return a
		case *http2.GoAwayFrame:
			if frame.ErrCode != http2.ErrCodeNo {
				return a
			} // else the last answer is still to come
		}
	}
	return a
}

// TestHTTP2RefusalsArriveWhole: a caller that is still sending its body gets the whole refusal, every time.
func TestHTTP2RefusalsArriveWhole(t *testing.T) {
	r := onRecorder(t)
	client := r.client(t)
	for i := range 30 {
		c := call{method: "POST", target: "/api/v1/get-cards", body: "[" + strings.Repeat(" ", 300_000+i) + "]"}
		req := c.request(t, r.Environments[sandbox])
		req.Header.Del("X-Auth-Signature")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != 401 || !strings.Contains(string(body), `"missing_header"`) {
			t.Fatalf("call %d: %d, error %v, %s", i, resp.StatusCode, err, body)
		}
	}
}
