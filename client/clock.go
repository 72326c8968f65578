package client

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// maxOffset is the furthest that this machine's clock may be wrong and still be corrected.
const maxOffset = 24 * time.Hour

// clock is this machine's clock, corrected by what a server said of the time.
type clock struct {
	now    func() time.Time
	offset atomic.Int64 // nanoseconds that the server is ahead
}

// time is the moment to sign with.
func (c *clock) time() time.Time { return c.now().Add(time.Duration(c.offset.Load())) }

// learn looks whether a refusal says that the time of signing was wrong, and corrects the clock then. It reports whether a
// request that is signed anew has a chance. Only what came over TLS, or from this machine, is believed.
func (c *clock) learn(resp *http.Response, u *url.URL, signed time.Time, window time.Duration) bool {
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
	default:
		return false
	}
	if window <= 0 || resp.TLS == nil && !loopback(u.Hostname()) {
		return false
	}
	server, ok := serverTime(resp)
	if !ok {
		return false
	}
	gap := server.Sub(signed).Abs()
	if gap <= window && (gap < 2*time.Second || !saysStale(resp)) {
		return false
	}
	offset := server.Sub(c.now())
	if offset.Abs() > maxOffset {
		return false
	}
	c.offset.Store(int64(offset))
	return true
}

// serverTime is the server's clock: our gateway's own header, else the Date that every server sends.
func serverTime(resp *http.Response) (time.Time, bool) {
	if seconds, err := strconv.ParseInt(resp.Header.Get("Countersign-Server-Time"), 10, 64); err == nil && seconds > 0 {
		return time.Unix(seconds, 0), true
	}
	at, err := http.ParseTime(resp.Header.Get("Date"))
	return at, err == nil
}

// saysStale reports whether a refusal of our gateway names the time as its reason: an API may have a narrower window than the
// profile.
func saysStale(resp *http.Response) bool {
	var said struct {
		Errors []string `json:"errors"`
	}
	return json.Unmarshal(peek(resp, 8<<10), &said) == nil && slices.Contains(said.Errors, "stale_timestamp")
}
