package search_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
)

const full20 = `{"time":"2026-11-20T08:00:00.123456Z","request_id":"r","environment":"e","api":"a","decision":"refuse","reason":"x","where":"w","status":401,"method":"GET","path":"/p","query_digest":"q","protocol":"HTTP/1.1","partner":"p","credential":"c","version":3,"proved":true,"address":"::ffff:192.0.2.1","peer":"10.0.0.1","country":"DE","derivation":"d","other_environment":"o","skew_s":-7,"warnings":["a","b\"c"],"cause":"caf\u00e9","duration_us":1500,"bytes_in":4,"bytes_out":5,"new":[1,true,null,"x"],"seq":9,"chain":"00"}`

func TestALineIsReadWhole(t *testing.T) {
	var l search.Line
	if err := l.Parse([]byte(full20 + "\n")); err != nil {
		t.Fatal(err)
	}
	if l.Kind != search.Refuse || l.Kind.String() != "refuse" || !l.Kind.Final() || !l.Time.Equal(time.Date(2026, 11, 20, 8, 0, 0, 123456000, time.UTC)) ||
		string(l.RequestID) != "r" || l.Status != 401 || string(l.Where) != "w" || l.Version != 3 || !l.Proved || l.IP() != netip.MustParseAddr("192.0.2.1") ||
		string(l.Country) != "DE" || l.Skew != -7*time.Second || string(l.Warnings) != `["a","b\"c"]` || string(l.Cause) != "café" ||
		l.Duration != 1500*time.Microsecond || l.BytesIn != 4 || l.BytesOut != 5 || l.Seq != 9 || string(l.Other) != "o" || string(l.Derivation) != "d" {
		t.Errorf("%+v", l)
	}
	for text, kind := range map[string]search.Kind{
		`{"segment":1,"version":1,"seq":1}`:                                                          search.Header,
		`{"time":"2026-11-20T08:00:00.000000Z","gap":true,"lost":5,"seq":2}`:                         search.Gap,
		`{"time":"2026-11-20T08:00:00.000000Z","retired":{"segments":1,"to":9,"last":"00"},"seq":3}`: search.Retired,
		`{"decision":"admit"}`: search.Admit,
		`{"decision":"allow"}`: search.Allow,
	} {
		if err := l.Parse([]byte(text)); err != nil || l.Kind != kind {
			t.Errorf("%s is %s, %v", text, l.Kind, err)
		}
	}
}

// TestALineWithTwoMeaningsIsNone: what two readers could read differently is not read at all.
func TestALineWithTwoMeaningsIsNone(t *testing.T) {
	for _, text := range []string{
		``, `{`, `{}`, `[]`, `{"decision":"allow"`, `{"decision":"allow"}}`, `{"decision":"allow"} `, ` {"decision":"allow"}`,
		`{"decision":"allow","decision":"refuse"}`, `{"decision":"allow","partner":"a","partner":"b"}`, `{"decision": "allow"}`,
		`{"decision":"allow",}`, `{,"decision":"allow"}`, `{"decision":"deny"}`, `{"decision":"allow","status":"401"}`, `{"decision":"allow","status":4e2}`,
		`{"decision":"allow","status":-1}`, `{"decision":"allow","status":01}`, `{"decision":"allow","seq":9999999999999999999}`, `{"decision":"allow","proved":1}`,
		`{"decision":"allow","partner":null}`, `{"decision":"allow","time":"yesterday"}`, `{"decision":"allow","time":"2026-06-31T00:00:00.000000Z"}`,
		`{"decision":"allow","new":{"a":1}}`, `{"decision":"allow","new":[[1]]}`, `{"decision":"allow","new":nul}`, `{"decision":"allow","path":"a` + "\x01" + `"}`,
		`{"decision":"allow","path":"\x"}`, `{"decision":"allow","duration_us":999999999999999999}`, `{"decision":"` + strings.Repeat("x", search.MaxLine) + `"}`,
	} {
		l := search.Line{Partner: []byte("left over")}
		if err := l.Parse([]byte(text)); err == nil || l.Kind != search.Unreadable || l.Partner != nil {
			t.Errorf("%.80s is taken: %+v", text, l)
		}
	}
}

// FuzzLine: what is read is JSON, and says what another decoder reads.
func FuzzLine(f *testing.F) {
	f.Add([]byte(full20))
	f.Add(recordtest.New(f, f.TempDir()).Decision())
	f.Add([]byte(`{"time":"2026-11-20T08:00:00.000000Z","retired":{"segments":1,"to":9},"seq":3}`))
	f.Add([]byte(`{"decision":"allow","partner":"\u0070\ud83d\ude00"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var l search.Line
		if l.Parse(b) != nil {
			return
		}
		var other struct {
			Partner   string `json:"partner"`
			RequestID string `json:"request_id"`
			Decision  string `json:"decision"`
			Seq       uint64 `json:"seq"`
			Status    int    `json:"status"`
		}
		if err := json.Unmarshal(b, &other); err != nil {
			t.Fatalf("%q is read, and not JSON: %v", b, err)
		}
		if utf8 := strings.ToValidUTF8(string(l.Partner), "\ufffd"); !strings.Contains(string(b), "\xef") && utf8 == string(l.Partner) && other.Partner != string(l.Partner) &&
			!strings.Contains(strings.ToLower(strings.Replace(string(b), `"partner"`, "", 1)), `partner`) {
			t.Errorf("partner %q and %q", l.Partner, other.Partner)
		}
		if l.Kind.Final() && l.Seq != other.Seq && !strings.Contains(strings.ToLower(strings.Replace(string(b), `"seq"`, "", 1)), `seq`) {
			t.Errorf("seq %d and %d", l.Seq, other.Seq)
		}
	})
}
