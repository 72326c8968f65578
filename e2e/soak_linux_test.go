package e2e_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestSoak watches the memory of a server under mixed load for as long as COUNTERSIGN_SOAK says, such as 1h, and reports its
// slope; without it, it is a short run that only shows that the measurement works.
func TestSoak(t *testing.T) {
	t.Parallel()
	span := 3 * time.Second
	if text := os.Getenv("COUNTERSIGN_SOAK"); text != "" {
		var err error
		if span, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	d := start(t, folder(t), "--quiet")
	defer mustStop(t, d)
	roots, err := d.roots()
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 8, ForceAttemptHTTP2: false}}
	mix, seen := mixedLoad(t, d, client), map[int]int{}
	pause := time.NewTicker(10 * time.Millisecond) // a modest load: what grows does so with the number of requests
	defer pause.Stop()
	var samples []sample
	begin, every := time.Now(), max(span/240, 100*time.Millisecond)
	for next, n := begin, 0; n < 10 || time.Since(begin) < span; n++ { // ten: one of each kind
		<-pause.C
		resp, err := client.Do(mix(n))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		seen[resp.StatusCode]++
		if now := time.Now(); now.After(next) {
			samples, next = append(samples, sample{now.Sub(begin).Hours(), resident(t, d.cmd.Process.Pid)}), now.Add(every)
		}
	}
	for _, status := range []int{200, 401, 404} {
		if seen[status] == 0 {
			t.Errorf("the load was not mixed: %v", seen)
		}
	}
	half := samples[len(samples)/2:]
	t.Logf("%s, answers %v; resident: %.1f MiB at first, %.1f MiB at last; slope of the second half: %+.2f MiB an hour", span, seen, samples[0].mib, half[len(half)-1].mib, slope(half))
}

// mixedLoad makes the nth request: reads, writes, tokens, and refusals of every kind that a stranger can cause.
func mixedLoad(t *testing.T, d *dev, client *http.Client) func(n int) *http.Request {
	e := d.Environments[sandbox]
	token := d.token(t, sandbox)
	return func(n int) *http.Request {
		method, target, body, key := "GET", "/api/v1/cards/10031000000000000001?n="+strconv.Itoa(n), "", e.Card.APISecret
		switch n % 10 {
		case 1, 2:
			method, target, body = "PATCH", "/api/v1/update-card-status/10031000000000000001?n="+strconv.Itoa(n), `{"token_status":"active"}`
		case 3:
			key = "another"
		case 4:
			target = "/nowhere"
		case 5, 6:
			r, _ := http.NewRequest("GET", e.BaseURL+"/aggregation/v1/institutions?limit=1", nil)
			r.Header.Set("Finicity-App-Key", e.Aggregation.AppKey)
			r.Header.Set("Finicity-App-Token", token)
			return r
		case 7:
			if n%1000 != 7 {
				break
			}
			token = d.token(t, sandbox)
		}
		r, err := http.NewRequest(method, e.BaseURL+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		ts := strconv.FormatInt(time.Now().Unix(), 10)
		r.Header.Set("X-Auth-Token", e.Card.APIToken)
		r.Header.Set("X-Auth-Timestamp", ts)
		r.Header.Set("X-Auth-Signature", mac(key, ts, method, target, body))
		return r
	}
}

// sample is the resident memory at a time, in hours since the begin.
type sample struct{ hours, mib float64 }

// resident reads VmRSS of a process.
func resident(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib / 1024
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// slope is that of the straight line with the least squares through the samples, in MiB an hour.
func slope(samples []sample) float64 {
	var x, y, xx, xy float64
	for _, s := range samples {
		x, y, xx, xy = x+s.hours, y+s.mib, xx+s.hours*s.hours, xy+s.hours*s.mib
	}
	n := float64(len(samples))
	return (n*xy - x*y) / (n*xx - x*x)
}
