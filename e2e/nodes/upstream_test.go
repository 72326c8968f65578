package nodes_test

import (
	"io"
	"net"
	"net/http"
	"path"
	"sync"
	"testing"
)

// upstream is the API behind all nodes. It counts what arrives, by the last segment of the path: that alone says what the nodes let in.
type upstream struct {
	ln net.Listener

	mu   sync.Mutex
	seen map[string]int
}

const success = `{"status":"success"}`

func listenUpstream(t testing.TB) *upstream {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{ln: ln, seen: map[string]int{}}
	server := &http.Server{Handler: u}
	go func() { _ = server.Serve(ln) }() // until it is closed
	t.Cleanup(func() { _ = server.Close() })
	return u
}

func (u *upstream) url() string { return "http://" + u.ln.Addr().String() }

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	u.seen[path.Base(r.URL.Path)]++
	u.mu.Unlock()
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, success)
}

// times is how often a request arrived.
func (u *upstream) times(id string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen[id]
}

// where lists what arrived as often as it must not have.
func (u *upstream) where(wrong func(id string, times int) bool) (ids []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, n := range u.seen {
		if wrong(id, n) {
			ids = append(ids, id)
		}
	}
	return ids
}
