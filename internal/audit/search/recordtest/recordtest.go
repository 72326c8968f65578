// Package recordtest writes decision records for tests, as the gateway does but without its writer: what reads them must not
// depend on how they came to be. It owns no behaviour of the product, and refuses nothing: a test that asks for the
// impossible fails. What it answers is the test that agrees with the code because both share a fault.
package recordtest

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Begin is when a record begins.
var Begin = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// Record makes lines, always the same ones. Not safe for concurrent use.
type Record struct {
	Dir  string
	Step time.Duration // between two decisions, on average; 0: 3 ms
	At   time.Time     // of the last decision
	Seq  uint64        // of the last line

	t       testing.TB
	random  *rand.Rand
	segment int
	chain   [32]byte
	body    []byte
}

// New begins a record in dir, which must be there.
func New(t testing.TB, dir string) *Record {
	return &Record{Dir: dir, Step: 3 * time.Millisecond, At: Begin, t: t, random: rand.New(rand.NewPCG(1, 2))}
}

// Close makes a line of an open JSON object: it adds seq, chain value and line feed.
func (r *Record) Close(b []byte) []byte {
	r.Seq++
	b = fmt.Appendf(b, `,"seq":%d`, r.Seq)
	sealed := append([]byte("countersign decision 1\n"), r.chain[:]...)
	sealed = append(binary.BigEndian.AppendUint64(sealed, uint64(len(b))), b...)
	r.chain = sha256.Sum256(sealed)
	return fmt.Appendf(b, `,"chain":"%x"}`+"\n", r.chain)
}

// Header makes the first line of the next segment.
func (r *Record) Header() []byte {
	r.segment++
	return r.Close(fmt.Appendf(nil, `{"segment":%d,"version":1,"record":"%032x","opened":"%s","previous":"%x"`,
		r.segment, 7, r.At.Format("2006-01-02T15:04:05.000000Z"), r.chain))
}

var refusals = []string{"bad_signature", "unknown_credential", "stale_timestamp", "address_not_listed", "replayed", "rate_limited", "suspended"}

// Decision makes a line, valid until the next one. Partners and credentials are spread as in life: a few are busy, most are not, some are hardly there.
func (r *Record) Decision() []byte {
	n := r.random
	r.At = r.At.Add(time.Duration(n.Int64N(int64(2 * r.Step))))
	partner := int(float64(800) * n.Float64() * n.Float64() * n.Float64())
	environment, api := "production", "card"
	if n.IntN(12) == 0 {
		environment = "sandbox"
	}
	if n.IntN(3) == 0 {
		api = "aggregation"
	}
	decision, reason, status := "allow", "allowed", 200
	address := fmt.Sprintf("198.51.%d.%d", partner%100, n.IntN(1+partner%7))
	switch dice := n.IntN(1000); {
	case dice < 40:
		decision, reason, status = "refuse", refusals[n.IntN(len(refusals)-1)], 401
	case dice < 45:
		decision, reason, status, address = "refuse", "bad_signature", 401, fmt.Sprintf("2001:db8:%x:%x::%x", n.IntN(1<<16), n.IntN(1<<16), n.IntN(1<<16))
	case dice == 999 && n.IntN(100) == 0:
		decision, reason, status = "refuse", "suspended", 403
	}
	b := fmt.Appendf(r.body[:0], `{"time":"%s","request_id":"%016x%016x","environment":"%s","api":"%s","decision":"%s","reason":"%s","status":%d,"method":"POST","path":"/api/v1/cards/%d","protocol":"HTTP/2.0"`,
		r.At.Format("2006-01-02T15:04:05.000000Z"), n.Uint64(), n.Uint64(), environment, api, decision, reason, status, n.IntN(100000))
	b = fmt.Appendf(b, `,"partner":"ptn_%06d","credential":"crd_%06d","version":%d,"proved":true,"address":"%s","peer":"10.0.0.7","duration_us":%d,"bytes_in":%d,"bytes_out":%d`,
		partner, partner*3+n.IntN(3), 1+n.IntN(2), address, 500+n.IntN(4000), n.IntN(2000), n.IntN(9000))
	r.body = r.Close(b)
	return r.body
}

// Write adds a segment of this many decisions and returns its path. compress: in members of 64 KiB.
func (r *Record) Write(lines int, compress bool) string {
	r.t.Helper()
	path := filepath.Join(r.Dir, fmt.Sprintf("%08d.jsonl", r.segment+1))
	if compress {
		path += ".gz"
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	out := bufio.NewWriterSize(file, 1<<20)
	var to io.Writer = out
	members := &packer{out: out, size: 64 << 10}
	if compress {
		to = members
	}
	_, _ = to.Write(r.Header())
	for range lines {
		_, _ = to.Write(r.Decision())
	}
	if compress {
		members.end()
	}
	if err := out.Flush(); err != nil {
		r.t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// packer compresses lines in members that end with a line.
type packer struct {
	out  io.Writer
	size int
	held int
	zip  *gzip.Writer
}

func (p *packer) Write(line []byte) (int, error) {
	if p.zip == nil {
		p.zip, _ = gzip.NewWriterLevel(p.out, gzip.BestSpeed)
	}
	n, err := p.zip.Write(line)
	if p.held += n; p.held >= p.size {
		p.end()
	}
	return n, err
}

func (p *packer) end() {
	if p.held > 0 {
		_ = p.zip.Close()
		p.zip.Reset(p.out)
		p.held = 0
	}
}

// Append adds bytes to a file.
func Append(t testing.TB, path string, b []byte) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
