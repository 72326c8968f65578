package strict_test

import (
	"errors"
	"strings"
	"testing"

	"countersign.dev/internal/edge/gateway/strict"
)

// TestRule24HostileFraming sends every message of the corpus, followed by a
// request that must not be taken for one of its own, over raw TLS to a real
// http.Server.
func TestRule24HostileFraming(t *testing.T) {
	for _, tc := range hostileCorpus() {
		t.Run(tc.name, func(t *testing.T) {
			d := openDoor(t, nil)
			answer := d.exchange(tc.raw + smuggled)
			checkHostile(t, d, tc, answer)
		})
	}
}

func checkHostile(t *testing.T, d *door, tc hostile, answer string) {
	t.Helper()
	seen, told := d.snapshot()
	if !tc.handled {
		if len(seen) != 0 {
			t.Errorf("the handler ran: %+v", seen)
		}
		if len(told) != 1 || told[0] != tc.want {
			t.Errorf("OnRefused was told %v, want %v", told, tc.want)
		}
		checkOwnAnswer(t, answer, tc.want)
		return
	}
	if len(told) != 0 {
		t.Errorf("OnRefused was told %v about a marked request", told)
	}
	if len(seen) == 0 {
		t.Fatalf("the handler did not run; answer %q", answer)
	}
	first := seen[0]
	if first.End != tc.want || first.Close == tc.stays {
		t.Errorf("marks: fault %v, close %v; want %v", first.End, first.Close, tc.want)
	}
	if wantStart := tc.want; !tc.fromBody && first.Start != wantStart {
		t.Errorf("mark at the start %v, want %v", first.Start, wantStart)
	}
	if tc.fromBody && (first.Start != strict.None || first.Err == nil) {
		t.Errorf("start %v, body error %v; want none and an error", first.Start, first.Err)
	}
	// net/http replaces the error where it meets one while looking for trailers.
	if tc.fromBody && !errors.Is(first.Err, tc.want) && tc.want != strict.BadTrailer {
		t.Errorf("fault in the body's error %v, want %v", first.Err, tc.want)
	}
	if !strings.Contains(answer, "api refusal: "+tc.want.String()) {
		t.Errorf("the API's own refusal did not arrive: %q", answer)
	}
	if tc.stays != (len(seen) == 2) || strings.Count(answer, "HTTP/1.") != len(seen) {
		t.Errorf("the handler saw %d requests, answers %q", len(seen), answer)
	}
}

func checkOwnAnswer(t *testing.T, answer string, want strict.Fault) {
	t.Helper()
	if !strings.HasPrefix(answer, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n") ||
		!strings.HasSuffix(answer, "\r\n\r\n"+want.String()+"\n") || strings.Count(answer, "HTTP/1.") != 1 {
		t.Errorf("answer %q is not one minimal 400 of ours", answer)
	}
}

// TestRule24HostilePipelined puts each hostile message between two good ones:
// the one before is served, the one after never.
func TestRule24HostilePipelined(t *testing.T) {
	d := openDoor(t, nil)
	for _, tc := range hostileCorpus() {
		t.Run(tc.name, func(t *testing.T) {
			d.mu.Lock()
			d.seen, d.refused = nil, nil
			d.mu.Unlock()
			answer := d.exchange("POST /first HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc" + tc.raw + smuggled)
			seen, _ := d.snapshot()
			if len(seen) == 0 || seen[0].Target != "/first" || seen[0].Body != "abc" || seen[0].End != strict.None {
				t.Fatalf("the good request before it: %+v", seen)
			}
			first, rest, _ := strings.Cut(answer, "ok /first")
			if !strings.HasPrefix(first, "HTTP/1.1 200 OK\r\n") {
				t.Fatalf("answer to the good request: %q", answer)
			}
			d.mu.Lock()
			d.seen = d.seen[1:]
			d.mu.Unlock()
			d.t = t
			checkHostile(t, d, tc, rest)
		})
	}
}

// TestRule24SlowWriterSameVerdict sends each message one byte per TLS record.
func TestRule24SlowWriterSameVerdict(t *testing.T) {
	for _, tc := range hostileCorpus() {
		if len(tc.raw) > 300 {
			continue // all split points of these are in TestSplitsDoNotMatter
		}
		t.Run(tc.name, func(t *testing.T) {
			d := openDoor(t, nil)
			answer := d.exchange(strings.Split(tc.raw+smuggled, "")...)
			checkHostile(t, d, tc, answer)
		})
	}
}
