package strict_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"countersign.dev/internal/edge/gateway/strict"
)

// typical is a signed request of about 600 bytes.
var typical = "PATCH /api/v1/cards/3f2a8c1e-77c0-4b6e-9d6a-2f1f0c9f7d11/status?expand=owner HTTP/1.1\r\n" +
	"Host: sandbox.partners.example:8443\r\nUser-Agent: integration-client/2.14 (linux; amd64)\r\n" +
	"Accept: application/json\r\nAccept-Encoding: gzip, deflate, br\r\nContent-Type: application/json; charset=utf-8\r\n" +
	"X-Api-Token: 7f3b1c9e5a2d4f608192a3b4c5d6e7f8\r\nX-Timestamp: 2026-03-01T12:00:00Z\r\n" +
	"X-Signature: 5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592\r\n" +
	"X-Request-Id: 0f8fad5b-d9cb-469f-a165-70867728950e\r\nConnection: keep-alive\r\nContent-Length: 41\r\n\r\n" +
	`{"status":"frozen","reason":"lost device"}`[:41]

// endless gives the same message again and again.
type endless struct {
	wire
	data []byte
}

func (e *endless) Read(p []byte) (int, error) { return copy(p, e.data), nil }

func BenchmarkTypicalRequest(b *testing.B) {
	benchmarkRead(b, []byte(typical))
}

func BenchmarkSmallestRequest(b *testing.B) {
	benchmarkRead(b, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
}

func BenchmarkChunkedBody(b *testing.B) {
	benchmarkRead(b, []byte(chunked(strings.Repeat("200\r\n"+strings.Repeat("x", 512)+"\r\n", 7)+"0\r\n\r\n")))
}

// BenchmarkBareRead is the same read without the scanner, for the difference.
func BenchmarkBareRead(b *testing.B) {
	w, buf := &endless{data: []byte(typical)}, make([]byte, 4096)
	b.SetBytes(int64(len(typical)))
	for b.Loop() {
		if n, err := w.Read(buf); n != len(typical) || err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkRead(b *testing.B, data []byte) {
	conn := strict.NewPlainConn(&endless{data: data}, strict.Config{})
	buf := make([]byte, 4096)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if n, err := conn.Read(buf); n != len(data) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkPipelined(b *testing.B) {
	data := bytes.Repeat([]byte(typical), 4096/len(typical))
	conn := strict.NewPlainConn(&endless{data: data}, strict.Config{})
	buf := make([]byte, 4096)
	b.ReportAllocs()
	b.SetBytes(int64(len(typical)))
	for b.Loop() {
		if n, err := conn.Read(buf); n != len(typical) || err != nil {
			b.Fatal(strconv.Itoa(n), err)
		}
	}
}
