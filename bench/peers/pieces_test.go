//go:build linux

package main

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestQuantilesAreThoseOfTheValues, at most 1.6 % too high and never too low.
func TestQuantilesAreThoseOfTheValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var values []time.Duration
	h, parts := new(histogram), []*histogram{new(histogram), new(histogram)}
	for i := range 20_000 {
		v := time.Duration(r.Uint64N(1 << (1 + i%36)))
		values = append(values, v)
		h.add(v)
		parts[i%2].add(v)
	}
	slices.Sort(values)
	for _, share := range []float64{0, .01, .5, .9, .99, .999, 1} {
		exact, got := values[max(int(share*float64(len(values)))-1, 0)], h.quantile(share)
		if got < exact || float64(got) > float64(exact)*1.016+1 {
			t.Errorf("%v of them: %d, exactly %d", share, got, exact)
		}
	}
	parts[0].merge(parts[1])
	parts[0].merge(nil)
	if *parts[0] != *h {
		t.Error("two halves are not the whole")
	}
	if new(histogram).quantile(.5) != 0 {
		t.Error("an empty one has a middle")
	}
}

// TestBucketsAreInOrder from nothing to the longest: no value is lost between two.
func TestBucketsAreInOrder(t *testing.T) {
	for i := range len(histogram{}.counts) - 1 {
		if end := uint64(highest(i)); bucketOf(end) != i || bucketOf(end+1) != i+1 {
			t.Fatalf("bucket %d ends with %d, which is in %d, and the next value in %d", i, end, bucketOf(end), bucketOf(end+1))
		}
	}
	h := new(histogram)
	h.add(-1)
	h.add(1 << 62)
	if h.total != 2 || h.longest != 1<<62 {
		t.Errorf("%d values, the longest %s", h.total, h.longest)
	}
}

// TestAMakerSignsAsThePartnerDoes: what it does quickly is what credentials.signature does plainly.
func TestAMakerSignsAsThePartnerDoes(t *testing.T) {
	s := fakeSite(t)
	m := (&form{site: s, method: "POST", target: cardTarget, size: 100}).maker()
	for range 3 {
		request := m.next(nil)
		head, body, _ := bytes.Cut(request, []byte("\r\n\r\n"))
		field := func(name string) string {
			_, rest, _ := bytes.Cut(head, []byte("\r\n"+name+": "))
			value, _, _ := bytes.Cut(rest, []byte("\r\n"))
			return string(value)
		}
		var unix int64
		for _, c := range field("X-Auth-Timestamp") {
			unix = unix*10 + int64(c-'0')
		}
		stamp, signature := s.given.signature(time.Unix(unix, 0), "POST", cardTarget, body)
		if got := []string{field("X-Auth-Timestamp"), field("X-Auth-Signature"), field("Content-Length")}; !slices.Equal(got, []string{stamp, signature, "100"}) {
			t.Errorf("%q, signed plainly it is %s %s", got, stamp, signature)
		}
	}
	b := make([]byte, 0, 4<<10)
	if n := testing.AllocsPerRun(100, func() { b = m.next(b[:0]) }); n > 0 {
		t.Errorf("a request allocates %v times", n)
	}
}

// answers are what a reader of answers has to tell apart.
var answers = []struct {
	text   string
	status int // 0: refused
}{
	{good, 200},
	{"HTTP/1.1 204 No Content\r\n\r\n", 204},
	{"HTTP/1.1 401 \r\ncontent-LENGTH:  0 \r\n\r\n", 401},
	{"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok", 0},
	{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", 0},
	{"HTTP/1.1 100 Continue\r\n\r\n", 0},
	{"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 0},
	{"HTTP/1.1 2\r\n\r\n", 0},
	{good + "x", 0},
}

// TestAnswersComeInAnyPieces: where they are cut makes no difference.
func TestAnswersComeInAnyPieces(t *testing.T) {
	for _, one := range answers {
		for cut := range len(one.text) {
			var a answerReader
			whole, err := a.take([]byte(one.text[:cut]))
			if err == nil && !whole {
				whole, err = a.take([]byte(one.text[cut:]))
			} else if err == nil && cut < len(one.text) { // more comes after the end: the caller sees that nobody asked for it
				whole = false
			}
			if good := err == nil && whole; good != (one.status > 0) || good && a.status != one.status {
				t.Fatalf("%q, cut at %d: %d, %v, %v", one.text, cut, a.status, whole, err)
			}
		}
	}
}

// FuzzAnswer: no answer makes it panic, and where one is cut makes no difference.
func FuzzAnswer(f *testing.F) {
	for _, one := range answers {
		f.Add([]byte(one.text), len(one.text)/2)
	}
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		if cut < 0 || cut > len(text) {
			return
		}
		var once, twice answerReader
		whole, err := once.take(text)
		first, errFirst := twice.take(text[:cut])
		if errFirst != nil || first {
			return // then it does not depend on the rest
		}
		second, errSecond := twice.take(text[cut:])
		if (err == nil) != (errSecond == nil) || err == nil && (whole != second || whole && once.status != twice.status) {
			t.Errorf("whole: %v %v %d; cut: %v %v %d", whole, err, once.status, second, errSecond, twice.status)
		}
	})
}
