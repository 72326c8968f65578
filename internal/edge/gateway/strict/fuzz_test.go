package strict_test

import (
	"bytes"
	"testing"

	"countersign.dev/internal/edge/gateway/strict"
)

// FuzzAgainstReference: whatever comes, in whatever pieces, the scanner does not
// panic, net/http never answers by itself, and exactly the messages that the
// reference calls fine are served without a mark.
func FuzzAgainstReference(f *testing.F) {
	for i, tc := range hostileCorpus() {
		if len(tc.raw) < 6000 {
			f.Add([]byte(tc.raw+smuggled), uint8(i))
			f.Add([]byte(goodGet+tc.raw+smuggled), uint8(0))
		}
	}
	for _, tc := range goodCorpus() {
		f.Add([]byte(tc.raw+goodGet), uint8(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		if len(data) > 7000 {
			return
		}
		compare(t, data, serve(t, pieces(data, int(size))))
	})
}

func compare(t *testing.T, data []byte, got outcome) {
	t.Helper()
	for i := 0; ; i++ {
		if len(bytes.TrimPrefix(data, []byte("\r\n"))) == 0 {
			if len(got.Served) != i || len(got.Refused) != 0 {
				t.Fatalf("after %d fine messages: %+v", i, got)
			}
			return
		}
		target, body, rest, v := refMessage(data)
		if v == fine {
			if i >= len(got.Served) || got.Served[i].Cut || got.Served[i].End.Fault != strict.None ||
				got.Served[i].Target != target || got.Served[i].Body != body {
				t.Fatalf("message %d is fine (%q, %q), but %+v", i, target, body, got)
			}
			data = rest
			continue
		}
		bad := len(got.Refused) > 0 || i < len(got.Served) && got.Served[i].End.Fault != strict.None
		cut := i < len(got.Served) && got.Served[i].Cut
		if v == notFine && !bad || v == incomplete && !bad && !cut && i < len(got.Served) {
			t.Fatalf("message %d is not fine (%v), but %+v", i, v, got)
		}
		return
	}
}
