package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestHostileValuesMakeNoSeries: whatever a stranger writes into a request, at any door of a server, the metrics have no more series
// after a thousand such requests than after the first few, and none of it is in them.
func TestHostileValuesMakeNoSeries(t *testing.T) {
	const most = 400
	s := startPlane(t)
	defer s.stop()
	client, base := s.gatewayClient()
	admin := &http.Client{Transport: client.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	hostile := func(i int) {
		for door, url := range map[*http.Client]string{client: base, admin: s.state.Admin} {
			r, err := http.NewRequestWithContext(t.Context(), fmt.Sprintf("EVIL%d", i), fmt.Sprintf("%s/evil%d/..%%2f?evil=%d", url, i, i), strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			evil := fmt.Sprintf("evil%d", i)
			if i%2 == 0 {
				r.Method, r.URL.Path, r.URL.RawPath = http.MethodPost, "/v1/"+evil, ""
			}
			for _, name := range []string{"X-Auth-Token", "Finicity-App-Key", "X-Forwarded-For", "User-Agent", "Origin", "Traceparent", "Authorization", "Content-Type", "X-" + evil} {
				r.Header.Set(name, evil)
			}
			if i%3 == 0 {
				r.Host = evil + ".example"
			}
			answer, err := door.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
		}
	}
	series := func() (n int) {
		_, text := fetchPlain(t, s.state.Ops+"/metrics")
		if strings.Contains(strings.ToLower(text), "evil") {
			t.Error("the metrics have what a stranger wrote")
		}
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "#") {
				n++
			}
		}
		return n
	}
	for i := range 12 {
		hostile(i)
	}
	few := series()
	for i := range 500 {
		hostile(12 + i)
	}
	if many := series(); many != few || many > most {
		t.Errorf("%d series, and %d before; want at most %d", many, few, most)
	}
}
