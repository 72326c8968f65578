package tester_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/tester"
)

var visitor = netip.MustParseAddrPort("203.0.113.7:40001")

// gateway is the other end of a relay.
type gateway struct {
	answer      string
	mute        bool // it reads and says nothing
	got         []byte
	environment string
	from        netip.AddrPort
	calls       int
}

// relay waits for the end of the head before it answers, and ends the connection.
func (g *gateway) relay(_ context.Context, environment string, from netip.AddrPort) (net.Conn, error) {
	g.environment, g.from, g.calls = environment, from, g.calls+1
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		buf := make([]byte, 64<<10)
		for !bytes.Contains(g.got, []byte("\r\n\r\n")) {
			n, err := theirs.Read(buf)
			if g.got = append(g.got, buf[:n]...); err != nil {
				return
			}
		}
		if g.mute {
			_, _ = io.Copy(io.Discard, theirs)
			return
		}
		_, _ = io.WriteString(theirs, g.answer)
	}()
	return ours, nil
}

func sender(t *testing.T, g *gateway, now func() time.Time) *tester.Sender {
	t.Helper()
	s, err := tester.NewSender(tester.SenderConfig{Relay: g.relay, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fixed() time.Time { return start }

func order(key string) tester.Order {
	return tester.Order{Member: "mbr_1", Key: key, From: visitor, Message: &tester.Message{Environment: "sandbox", Method: "GET",
		Head: []byte("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")}}
}

func TestOneAnswerIsRead(t *testing.T) {
	id := strings.Repeat("0f", 16)
	for name, tc := range map[string]struct {
		answer string
		want   string // status, body, what is said of it; or the error
	}{
		"a length": {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCountersign-Request-Id: " + id + "\r\n\r\nhi", "200 hi " +
			"" + id},
		"chunks":             {"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "201 hi "},
		"until the end":      {"HTTP/1.1 200 OK\r\n\r\nhi there", "200 hi there "},
		"an interim answer":  {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200  "},
		"a redirect":         {"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n", "302  "},
		"a second answer":    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 500 No\r\n\r\n", "200 hi "},
		"an id that is none": {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nCountersign-Request-Id: ../../x\r\n\r\n", "200  "},
		"a broken body":      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", "200 hi  broken"},
		"a long body": {"HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", tester.MaxAnswerBody+9), "200 " +
			"" + strings.Repeat("x", tester.MaxAnswerBody) + "  cut"},
		"too many headers": {"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: bbbbbbbb\r\n", tester.MaxAnswerHead/10) + "\r\n", "the " +
			"answer cannot be read"},
		"one endless line": {"HTTP/1.1 200 " + strings.Repeat("x", tester.MaxAnswerHead+1), "the answer cannot be read"},
		"no HTTP":          {"SSH-2.0-x\r\n\r\n", "the answer cannot be read"},
		"another protocol": {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "the answer cannot be read"},
		"nothing":          {"", "the answer cannot be read"},
		"endless interims": {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20), "the answer cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			g := &gateway{answer: tc.answer}
			a, err := sender(t, g, fixed).Send(t.Context(), order("k"))
			if err != nil {
				if !errors.Is(err, tester.ErrAnswer) || tc.want != tester.ErrAnswer.Error() {
					t.Errorf("%v instead of %.80s", err, tc.want)
				}
				return
			}
			got := strings.Join([]string{string(a.Head[9:12]), string(a.Body), a.RequestID}, " ")
			if a.Cut {
				got += " cut"
			}
			if a.Broken {
				got += " broken"
			}
			if got != tc.want {
				t.Errorf("%.80q instead of %.80q", got, tc.want)
			}
			if !bytes.Equal(g.got, order("k").Message.Bytes()) || g.environment != "sandbox" || g.from != visitor || g.calls != 1 {
				t.Errorf("%d connections to %s from %s, with %q", g.calls, g.environment, g.from, g.got)
			}
		})
	}
}

// TestAGatewayThatAnswersEarly: the answer counts, also where the rest of the body is never read.
func TestAGatewayThatAnswersEarly(t *testing.T) {
	g := &gateway{answer: "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"}
	o := order("k")
	o.Message.Body = make([]byte, 1<<20)
	a, err := sender(t, g, fixed).Send(t.Context(), o)
	if err != nil || a.Status != 413 {
		t.Errorf("%v %v", a, err)
	}
}

func TestASilentGatewayEndsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{mute: true}
		began := time.Now()
		_, err := sender(t, g, time.Now).Send(t.Context(), order("k"))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 15*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestAFormIsSentOnce(t *testing.T) {
	g := &gateway{answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}
	s := sender(t, g, fixed)
	for i, want := range []error{nil, tester.ErrSentAlready, tester.ErrSentAlready} {
		if _, err := s.Send(t.Context(), order("k")); !errors.Is(err, want) {
			t.Errorf("time %d: %v", i, err)
		}
	}
	if _, err := s.Send(t.Context(), order("another")); err != nil {
		t.Error(err)
	}
	if g.calls != 2 {
		t.Errorf("%d connections", g.calls)
	}
}

// TestAFormThatReachedNobodyMayBeSentAgain: its key is not used up.
func TestAFormThatReachedNobodyMayBeSentAgain(t *testing.T) {
	g, away := &gateway{answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, errors.New("away")
	s, err := tester.NewSender(tester.SenderConfig{Now: fixed, Relay: func(ctx context.Context, environment string,
		from netip.AddrPort) (net.Conn, error) {
		if away != nil {
			return nil, away
		}
		return g.relay(ctx, environment, from)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(t.Context(), order("k")); !errors.Is(err, tester.ErrUnreached) || !errors.Is(err, away) {
		t.Errorf("unreached: %v", err)
	}
	away = nil
	if _, err := s.Send(t.Context(), order("k")); err != nil {
		t.Errorf("again: %v", err)
	}
	if _, err := s.Send(t.Context(), order("k")); !errors.Is(err, tester.ErrSentAlready) {
		t.Errorf("once more: %v", err)
	}
}

func TestAnOrderIsComplete(t *testing.T) {
	g := &gateway{}
	s := sender(t, g, fixed)
	for _, change := range []func(*tester.Order){func(o *tester.Order) { o.Member = "" }, func(o *tester.Order) { o.Key = "" },
		func(o *tester.Order) { o.From = netip.AddrPort{} }, func(o *tester.Order) { o.Message = nil }} {
		o := order("k")
		if change(&o); g.calls != 0 {
			t.Error("a connection was opened")
		}
		if _, err := s.Send(t.Context(), o); err == nil {
			t.Errorf("%+v is sent", o)
		}
	}
	for _, cfg := range []tester.SenderConfig{{}, {Relay: g.relay}, {Now: fixed}, {Relay: g.relay, Now: fixed,
		Patience: time.Hour}, {Relay: g.relay, Now: fixed, PerMinute: -1}} {
		if _, err := tester.NewSender(cfg); err == nil {
			t.Errorf("%+v is a configuration", cfg)
		}
	}
}

func TestADeskHasBounds(t *testing.T) {
	now := start
	d, err := tester.NewDesk(tester.DeskConfig{Now: func() time.Time { return now }, PerMinute: 3, AtOnce: 2})
	if err != nil {
		t.Fatal(err)
	}
	enter := func(member string, want error) func(bool) {
		t.Helper()
		leave, err := d.Enter(member, "")
		if !errors.Is(err, want) {
			t.Fatalf("%s: %v instead of %v", member, err, want)
		}
		return leave
	}
	a := enter("a", nil)
	enter("a", tester.ErrBusy) // one at a time
	b := enter("b", nil)
	enter("c", tester.ErrBusy) // two of all
	a(true)
	b(true)
	for range 2 {
		enter("a", nil)(true)
	}
	enter("a", tester.ErrTooOften) // the fourth in a minute; what was refused does not count
	enter("b", nil)(true)
	now = now.Add(59 * time.Second)
	enter("a", tester.ErrTooOften)
	now = now.Add(time.Second)
	enter("a", nil)(true)
}

func TestADeskForgets(t *testing.T) {
	now := start
	d, err := tester.NewDesk(tester.DeskConfig{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4096 {
		leave, err := d.Enter("member "+time.Duration(i).String(), "k")
		if err != nil {
			t.Fatal(err)
		}
		leave(true)
	}
	if _, err := d.Enter("one more", ""); !errors.Is(err, tester.ErrTooOften) {
		t.Errorf("one more than it remembers: %v", err)
	}
	now = now.Add(time.Hour)
	if _, err := d.Enter("one more", ""); err != nil {
		t.Errorf("after an hour: %v", err)
	}
}
