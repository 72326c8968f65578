package strict_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/edge/gateway/strict"
	"golang.org/x/net/http2"
)

func TestOnlyTLS12And13(t *testing.T) {
	for version, works := range map[uint16]bool{
		tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
	} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			d := openDoor(t, nil)
			c, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool, MinVersion: version, MaxVersion: version})
			if works != (err == nil) {
				t.Fatalf("handshake: %v", err)
			}
			if !works {
				if f := <-d.told; f != strict.HandshakeFailed {
					t.Errorf("told %v", f)
				}
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, "GET /v HTTP/1.0\r\n"+host+"\r\n")
			if answer, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(answer), "ok /v") {
				t.Errorf("answer %q, %v", answer, err)
			}
		})
	}
}

// TestRule29FloorHoldsForConfigForClient: a callback cannot lower the floor.
func TestRule29FloorHoldsForConfigForClient(t *testing.T) {
	d := openDoor(t, func(cfg *strict.Config, _ *http.Server) {
		weak := cfg.TLS.Clone()
		weak.MinVersion = tls.VersionTLS10
		cfg.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return weak, nil }
	})
	c, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool, MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11})
	if err == nil {
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
	}
	if err == nil {
		t.Error("TLS 1.1 was served")
	}
	if f := <-d.told; f != strict.HandshakeFailed {
		t.Errorf("told %v", f)
	}
}

// TestHTTP2Works with the standard client, on the bare *tls.Conn.
func TestHTTP2Works(t *testing.T) {
	d := openDoor(t, func(_ *strict.Config, srv *http.Server) {
		srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strict.MarksOf(r.Context()) != nil || r.TLS == nil || r.ProtoMajor != 2 {
				t.Errorf("%s: marks %v, TLS %v", r.Proto, strict.MarksOf(r.Context()), r.TLS)
			}
			_, _ = io.Copy(w, r.Body)
		})
	})
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: d.pool}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for _, body := range []string{"one", "", strings.Repeat("two", 100_000)} {
		resp, err := client.Post("https://"+d.addr+"/h2", "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.ProtoMajor != 2 || string(got) != body {
			t.Errorf("%s, %d bytes, %v", resp.Proto, len(got), err)
		}
	}
}

// TestOptionsAsteriskReachesTheHandler over HTTP/2, where net/http would answer
// it by itself; over HTTP/1 it is refused.
func TestOptionsAsteriskReachesTheHandler(t *testing.T) {
	d := openDoor(t, nil)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: d.pool}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	req := &http.Request{Method: "OPTIONS", URL: &url.URL{Scheme: "https", Host: d.addr, Opaque: "*"}, Header: http.Header{}}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if seen, _ := d.snapshot(); len(seen) != 1 || seen[0].Target != "*" {
		t.Errorf("the handler saw %+v", seen)
	}
}

// TestAnswersSurviveUnreadBytes: what the peer sent beyond a refused request
// lies unread when the connection is closed; its answer arrives all the same.
func TestAnswersSurviveUnreadBytes(t *testing.T) {
	for _, bad := range []string{"GET /x HTTP/9.9\r\n", "GET /x HTTP/1.1\n" + host + "\r\n"} {
		release := make(chan struct{})
		var d *door
		d = openDoor(t, func(_ *strict.Config, srv *http.Server) {
			srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				<-release
				d.handle(w, r)
			})
		})
		c := d.dial()
		for _, part := range []string{goodGet, bad, strings.Repeat("x", 16<<10), strings.Repeat("y", 16<<10)} {
			if _, err := io.WriteString(c, part); err != nil {
				t.Fatal(err)
			}
		}
		close(release)
		if answer, err := io.ReadAll(c); err != nil || strings.Count(string(answer), "HTTP/1.1 400 ") != 1 {
			t.Errorf("answer %q, %v", answer, err)
		}
		// A reset here could have come before the answer was read.
		if _, err := c.NetConn().Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after the answer: %v, want the end of the stream", err)
		}
	}
}

// TestRule37HTTP2Bounds reads the limits that the server announces.
func TestRule37HTTP2Bounds(t *testing.T) {
	d := openDoor(t, nil)
	c, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, http2.ClientPreface)
	framer := http2.NewFramer(c, c)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	frame, err := framer.ReadFrame()
	settings, ok := frame.(*http2.SettingsFrame)
	if err != nil || !ok {
		t.Fatalf("first frame %v, %v", frame, err)
	}
	for id, most := range map[http2.SettingID]uint32{
		http2.SettingMaxConcurrentStreams: 100,
		http2.SettingMaxHeaderListSize:    33 << 10,
		http2.SettingMaxFrameSize:         16 << 10,
		http2.SettingInitialWindowSize:    256 << 10,
		http2.SettingHeaderTableSize:      4 << 10,
	} {
		if v, ok := settings.Value(id); !ok || v > most {
			t.Errorf("%v is %d (announced %v), want at most %d", id, v, ok, most)
		}
	}
}

// TestRule24NoH2C: neither the preface nor an upgrade switches to HTTP/2.
func TestRule24NoH2C(t *testing.T) {
	d := openDoor(t, nil)
	if answer := d.exchange(http2.ClientPreface); !strings.Contains(answer, "http2_preface") {
		t.Errorf("answer to the preface: %q", answer)
	}
	inner, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	_, _ = io.WriteString(inner, http2.ClientPreface)
	if answer, _ := io.ReadAll(inner); len(answer) != 0 {
		t.Errorf("answer to the preface without TLS: %q", answer)
	}
}

func TestPlainTextIsNotAnswered(t *testing.T) {
	d := openDoor(t, nil)
	c, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, goodGet)
	if answer, _ := io.ReadAll(c); len(answer) != 0 {
		t.Errorf("answer %q", answer)
	}
	if f := <-d.told; f != strict.NotTLS {
		t.Errorf("told %v", f)
	}
}

func TestHandshakeTimeout(t *testing.T) {
	d := openDoor(t, func(cfg *strict.Config, _ *http.Server) { cfg.HandshakeTimeout = 50 * time.Millisecond })
	c, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if f := <-d.told; f != strict.HandshakeTimeout {
		t.Errorf("told %v", f)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("the connection is open")
	}
}

// TestSilentPeersHoldNoHandshakePlace: with one place and an hour to wait, a
// peer that stops in the middle of its hello does not keep others out.
func TestSilentPeersHoldNoHandshakePlace(t *testing.T) {
	d := openDoor(t, func(cfg *strict.Config, _ *http.Server) {
		cfg.MaxHandshakes = 1
		cfg.HandshakeTimeout = time.Hour
	})
	for range 3 {
		c, err := net.Dial("tcp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = c.Write([]byte{22, 3, 1, 2, 0, 1})
	}
	if answer := d.exchange(goodGet); !strings.HasSuffix(answer, "ok /good") {
		t.Errorf("answer %q", answer)
	}
}

func TestMaxConns(t *testing.T) {
	d := openDoor(t, func(cfg *strict.Config, _ *http.Server) { cfg.MaxConns = 1 })
	first := d.dial()
	second, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if f := <-d.told; f != strict.TooManyConns {
		t.Errorf("told %v", f)
	}
	if n, err := second.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("the second connection is open")
	}
	_, _ = io.WriteString(first, "GET /last HTTP/1.0\r\n"+host+"\r\n")
	if answer, _ := io.ReadAll(first); !strings.HasSuffix(string(answer), "ok /last") {
		t.Errorf("answer %q", answer)
	}
	_ = first.Close()
	// Its place comes back once the server has closed it, which the peer cannot
	// see: until then a new connection is shed, and told.
	for {
		c, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool})
		if err == nil {
			_ = c.Close()
			return
		}
		if f := <-d.told; f != strict.TooManyConns {
			t.Fatalf("told %v", f)
		}
	}
}

func TestAdmit(t *testing.T) {
	asked := make(chan netip.AddrPort, 1)
	d := openDoor(t, func(cfg *strict.Config, _ *http.Server) {
		cfg.Admit = func(peer netip.AddrPort) bool { asked <- peer; return false }
	})
	c, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("the connection is open")
	}
	if peer := <-asked; peer.String() != c.LocalAddr().String() {
		t.Errorf("asked about %v, the peer is %v", peer, c.LocalAddr())
	}
	if _, told := d.snapshot(); len(told) != 0 {
		t.Errorf("told %v", told)
	}
}

func TestTruncatedHeadIsRefused(t *testing.T) {
	d := openDoor(t, nil)
	answer := d.exchange(goodGet + "GET /half HTTP/1.1\r\nHost")
	_, rest, _ := strings.Cut(answer, "ok /good")
	checkHostile(t, &door{refused: []strict.Fault{<-d.told}}, refused("", "", strict.TruncatedHead), rest)
}

// TestSlowHeadIsReported: half a head is there long before its time is over, and the rest never comes.
func TestSlowHeadIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := scripted{give: make(chan any, 1)}
		d := openDoorOn(t, inner, func(_ *strict.Config, srv *http.Server) { srv.ReadHeaderTimeout = 5 * time.Second })
		mine, theirs := newPipe("127.0.0.1")
		defer theirs.Close()
		inner.give <- mine
		c := tls.Client(theirs, &tls.Config{RootCAs: d.pool, ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}})
		if _, err := io.WriteString(c, "GET /half HTTP/1.1\r\nHost"); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if answer, _ := io.ReadAll(c); len(answer) != 0 {
			t.Errorf("answer %q", answer)
		}
		if f := <-d.told; f != strict.SlowHead || time.Since(begun) != 5*time.Second {
			t.Errorf("told %v after %s", f, time.Since(begun))
		}
		if seen, _ := d.snapshot(); len(seen) != 0 {
			t.Errorf("the handler saw %+v", seen)
		}
	})
}

func TestAnswerIsConfigurable(t *testing.T) {
	d := openDoor(t, func(cfg *strict.Config, _ *http.Server) {
		cfg.Answer = func(_ netip.AddrPort, f strict.Fault) []byte {
			return []byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nX-Fault: " + f.String() + "\r\nContent-Length: 0\r\n\r\n")
		}
	})
	if answer := d.exchange("GET /x HTTP/9.9\r\n"); !strings.Contains(answer, "\r\nX-Fault: bad_version\r\n") {
		t.Errorf("answer %q", answer)
	}
}

// TestHijackedConnectionIsLeftAlone: an API that allows an upgrade gets the raw bytes.
func TestHijackedConnectionIsLeftAlone(t *testing.T) {
	own := os.Getenv("COUNTERSIGN_HTTP1") == "own" // that server lets nobody have a connection
	d := openDoor(t, func(_ *strict.Config, srv *http.Server) {
		srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strict.MarksOf(r.Context()).Upgrade {
				t.Error("Upgrade is not marked")
			}
			c, buf, err := http.NewResponseController(w).Hijack()
			if own || err != nil {
				if !own || !errors.Is(err, http.ErrNotSupported) {
					t.Errorf("hijacked: %v", err)
				}
				return
			}
			defer c.Close()
			got, _ := io.ReadAll(buf)
			_, _ = c.Write(append([]byte("raw:"), got...))
		})
	})
	if answer := d.exchange("GET /x HTTP/1.1\r\n"+host+"Upgrade: x\r\n\r\n", "\x81\x00\n", "\r\x00"); !own && answer != "raw:\x81\x00\n\r\x00" {
		t.Errorf("answer %q", answer)
	}
}

func TestExpectContinueWorks(t *testing.T) {
	d := openDoor(t, nil)
	c := d.dial()
	_, _ = io.WriteString(c, "POST /e HTTP/1.0\r\n"+host+"Expect: 100-Continue\r\nContent-Length: 0\r\n\r\n")
	if answer, _ := io.ReadAll(c); !strings.HasSuffix(string(answer), "ok /e") {
		t.Errorf("answer %q", answer)
	}
	c = d.dial()
	_, _ = io.WriteString(c, "POST /e HTTP/1.1\r\n"+host+"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n")
	const want = "HTTP/1.1 100 Continue\r\n\r\n"
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != want {
		t.Fatalf("%q, %v", buf, err)
	}
	_, _ = io.WriteString(c, "ab")
	if answer, _ := io.ReadAll(c); !strings.HasSuffix(string(answer), "ok /e") {
		t.Errorf("answer %q", answer)
	}
}
