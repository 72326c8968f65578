package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
)

// recorder is an upstream of its own: a plain TCP server that keeps every byte that it receives and takes the requests
// apart itself, so that no library repairs what the gateway sent.
type recorder struct {
	ln net.Listener

	mu      sync.Mutex
	seen    []*seen
	bytes   bytes.Buffer // every byte of every connection, in the order of arrival
	scripts map[string]func(io.Writer, *seen)
	conns   map[net.Conn]bool
	closed  bool
}

// seen is one request as it arrived.
type seen struct {
	method, target, proto string
	header                [][2]string // names as on the wire
	body                  []byte
}

func listenRecorder() (*recorder, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &recorder{ln: ln, scripts: map[string]func(io.Writer, *seen){}, conns: map[net.Conn]bool{}}
	go u.accept()
	return u, nil
}

// flags makes dev forward both APIs here.
func (u *recorder) flags() []string {
	url := "http://" + u.ln.Addr().String()
	return []string{"--card-upstream", url, "--aggregation-upstream", url}
}

func (u *recorder) close() {
	_ = u.ln.Close()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for c := range u.conns {
		_ = c.Close()
	}
}

func (u *recorder) accept() {
	for {
		c, err := u.ln.Accept()
		if err != nil {
			return
		}
		u.mu.Lock()
		u.conns[c] = true
		if u.closed {
			_ = c.Close()
		}
		u.mu.Unlock()
		go u.serve(c)
	}
}

func (u *recorder) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(io.TeeReader(c, (*tally)(u)))
	for {
		s, err := readSeen(r)
		if err != nil {
			return
		}
		u.mu.Lock()
		u.seen = append(u.seen, s)
		script := u.scripts[s.path()]
		u.mu.Unlock()
		if script == nil {
			script = answerSuccess
		}
		script(c, s)
	}
}

// tally keeps raw bytes.
type tally recorder

func (t *tally) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes.Write(p)
}

const success = `{"status":"success","errors":[]}`

func answerSuccess(w io.Writer, s *seen) {
	body := success
	if s.method == "HEAD" {
		body = ""
	}
	fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(success), body)
}

// on answers requests for a path by a script instead.
func (u *recorder) on(path string, script func(io.Writer, *seen)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.scripts[path] = script
}

// mark is where the record stands now: requests and bytes.
func (u *recorder) mark() (requests, bytes int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.seen), u.bytes.Len()
}

// since are the requests and the raw bytes behind a mark.
func (u *recorder) since(requests, bytes int) ([]*seen, string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]*seen(nil), u.seen[requests:]...), string(u.bytes.Bytes()[bytes:])
}

// readSeen takes one request apart, strictly: CRLF alone ends a line.
func readSeen(r *bufio.Reader) (*seen, error) {
	line, err := crlfLine(r)
	if err != nil {
		return nil, err
	}
	s := new(seen)
	method, rest, _ := strings.Cut(line, " ")
	at := strings.LastIndexByte(rest, ' ')
	if at < 0 {
		return nil, fmt.Errorf("request line %q", line)
	}
	s.method, s.target, s.proto = method, rest[:at], rest[at+1:]
	for {
		if line, err = crlfLine(r); err != nil {
			return nil, err
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		s.header = append(s.header, [2]string{name, strings.Trim(value, " \t")})
	}
	s.body, err = s.readBody(r)
	return s, err
}

func crlfLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	if !strings.HasSuffix(line, "\r\n") {
		return "", fmt.Errorf("line %q does not end in CRLF", line)
	}
	return strings.TrimSuffix(line, "\r\n"), nil
}

func (s *seen) readBody(r *bufio.Reader) ([]byte, error) {
	if len(s.values("Transfer-Encoding")) > 0 {
		body, err := io.ReadAll(httputil.NewChunkedReader(r))
		if err == nil {
			_, err = textproto.NewReader(r).ReadMIMEHeader() // trailers
		}
		return body, err
	}
	lengths := s.values("Content-Length")
	if len(lengths) == 0 {
		return nil, nil
	}
	n, err := strconv.Atoi(lengths[0])
	if err != nil {
		return nil, err
	}
	body := make([]byte, n)
	_, err = io.ReadFull(r, body)
	return body, err
}

// values are those of a header, whatever its case.
func (s *seen) values(name string) (all []string) {
	for _, h := range s.header {
		if strings.EqualFold(h[0], name) {
			all = append(all, h[1])
		}
	}
	return all
}

// one is the value of a header that came exactly once, or a text that says otherwise.
func (s *seen) one(name string) string {
	values := s.values(name)
	if len(values) != 1 {
		return fmt.Sprintf("(%d values %q)", len(values), values)
	}
	return values[0]
}

func (s *seen) path() string {
	path, _, _ := strings.Cut(s.target, "?")
	return path
}

// forget cuts the record back to a mark.
func (u *recorder) forget(requests, bytes int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seen = u.seen[:requests]
	u.bytes.Truncate(bytes)
}
