package problem_test

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/problem"
	"github.com/google/go-cmp/cmp"
)

// messageOf is the message of a signed answer.
func messageOf(t *testing.T, d *access.Decision) string {
	t.Helper()
	var body struct {
		Message string `json:"message"`
	}
	a := problem.Render(d, problem.JSON, requestID, now)
	if err := json.Unmarshal(a.Body, &body); err != nil {
		t.Fatalf("%s: %v", a.Body, err)
	}
	return body.Message
}

func TestMessagesTellExactly(t *testing.T) {
	listed := func(derivation string) *access.Decision {
		return &access.Decision{Reason: access.AddressNotListed, API: card, Address: netip.MustParseAddr("2001:db8::9%eth0"), Derivation: derivation}
	}
	for _, c := range []struct {
		d    *access.Decision
		want string
	}{
		{&access.Decision{Reason: access.MissingHeader, API: card, Where: "X-Auth-Token"}, "The request lacks the header X-Auth-Token."},
		{&access.Decision{Reason: access.MissingHeader, API: card}, "The request lacks an authentication header."},
		{&access.Decision{Reason: access.MissingHeader, API: card, Where: "<b>"}, "The request lacks an authentication header."},
		{&access.Decision{Reason: access.MissingHeader, API: card, Where: strings.Repeat("a", 65)}, "The request lacks an authentication header."},
		{&access.Decision{Reason: access.DuplicateHeader, API: card, Where: "X-Auth-Signature"}, "The header X-Auth-Signature came more than once."},
		{&access.Decision{Reason: access.StaleTimestamp, API: card, Skew: 412 * time.Second, Detail: "again"}, "The timestamp is behind the server's time by 412 seconds; the window is 300 seconds."},
		{&access.Decision{Reason: access.StaleTimestamp, API: card, Skew: 300*time.Second + 1}, "The timestamp is behind the server's time by 301 seconds; the window is 300 seconds."},
		{&access.Decision{Reason: access.FutureTimestamp, API: card, Skew: -412 * time.Second}, "The timestamp is ahead of the server's time by 412 seconds; the window is 300 seconds."},
		{&access.Decision{Reason: access.FutureTimestamp, API: &access.API{Window: time.Second}, Skew: -time.Second}, "The timestamp is ahead of the server's time by 1 second; the window is 1 second."},
		{&access.Decision{Reason: access.StaleTimestamp, API: &access.API{}, Detail: "too old"}, "The timestamp is behind the server's time: too old."},
		{&access.Decision{Reason: access.MalformedTarget, API: card, Detail: "the path has a dot segment"}, "The request target holds something that could be read in two ways: the path has a dot segment."},
		{&access.Decision{Reason: access.MalformedTarget, API: card, Detail: "a\n\x00é" + strings.Repeat("x", 400)},
			"The request target holds something that could be read in two ways: a???" + strings.Repeat("x", 295) + "."},
		{listed("2001:db8::9, hop 1 of X-Forwarded-For"), "The address 2001:db8::9 (2001:db8::9, hop 1 of X-Forwarded-For) is on no list of this partner."},
		{listed("evil\r\nX: y"), "The address 2001:db8::9 is on no list of this partner."},
		{listed(""), "The address 2001:db8::9 is on no list of this partner."},
		{&access.Decision{Reason: access.AddressNotListed, API: card}, "The address unknown is on no list of this partner."},
		{&access.Decision{Reason: access.CountryNotAllowed, API: card, Address: netip.MustParseAddr("192.0.2.1"), Country: "KP", Derivation: "x"},
			"The address 192.0.2.1 is in KP, which is not one of this partner's countries."},
		{&access.Decision{Reason: access.CountryNotAllowed, API: card, Address: netip.MustParseAddr("192.0.2.1"), Country: "k\""},
			"The address 192.0.2.1 is in an unknown country, which is not one of this partner's countries."},
		{&access.Decision{Reason: access.Internal, API: card, Detail: "a secret detail", Cause: http.ErrAbortHandler}, "The service failed."},
		{nil, "The service failed."},
	} {
		if diff := cmp.Diff(c.want, messageOf(t, c.d)); diff != "" {
			t.Errorf("%+v: %s", c.d, diff)
		}
	}
}

func TestTokenAnswersByteForByte(t *testing.T) {
	const head = problem.XMLDeclaration + "<error><code>"
	for _, c := range []struct {
		d         *access.Decision
		json, xml string
	}{
		{&access.Decision{Reason: access.BadSecret}, `{"code":10001,"message":"Invalid credentials"}`,
			head + `10001</code><message>Invalid credentials</message></error>`},
		{&access.Decision{Reason: access.MissingHeader, Where: "Finicity-App-Key"}, `{"code":10026,"message":"Missing parameter (Finicity-App-Key)"}`,
			head + `10026</code><message>Missing parameter (Finicity-App-Key)</message></error>`},
		{&access.Decision{Reason: access.MissingHeader, Where: "finicity-app-token"}, `{"code":10024,"message":"Missing parameter (Finicity-App-Token)"}`,
			head + `10024</code><message>Missing parameter (Finicity-App-Token)</message></error>`},
		{&access.Decision{Reason: access.InvalidToken}, `{"code":10022,"message":"Invalid (Finicity-App-Token)"}`,
			head + `10022</code><message>Invalid (Finicity-App-Token)</message></error>`},
		{&access.Decision{Reason: access.ExpiredToken}, `{"code":10023,"message":"Expired (Finicity-App-Token)"}`,
			head + `10023</code><message>Expired (Finicity-App-Token)</message></error>`},
		{&access.Decision{Reason: access.UnknownCredential}, `{"code":10027,"message":"Invalid (Finicity-App-Key)"}`,
			head + `10027</code><message>Invalid (Finicity-App-Key)</message></error>`},
		{&access.Decision{Reason: access.Locked}, `{"code":24302,"message":"Bad credentials"}`,
			head + `24302</code><message>Bad credentials</message></error>`},
		{&access.Decision{Reason: access.MissingParameter, Where: "partnerSecret"}, `{"code":10005,"message":"Missing parameter (partnerSecret)"}`,
			head + `10005</code><message>Missing parameter (partnerSecret)</message></error>`},
		{&access.Decision{Reason: access.SecretPolicy, Where: "newPartnerSecret"}, `{"code":24437,"message":"New password is not as per policy"}`,
			head + `24437</code><message>New password is not as per policy</message></error>`},
		{&access.Decision{Reason: access.Suspended}, `{"code":10021,"message":"You are not authorized. The access of this partner is suspended."}`,
			head + `10021</code><message>You are not authorized. The access of this partner is suspended.</message></error>`},
		{&access.Decision{Reason: access.MalformedBody, Detail: "partnerId comes twice"}, `{"code":14020,"message":"Bad request. The body cannot be read: partnerId comes twice."}`,
			head + `14020</code><message>Bad request. The body cannot be read: partnerId comes twice.</message></error>`},
		{&access.Decision{Reason: access.MalformedBody, Detail: `<a href="x">&'`}, `{"code":14020,"message":"Bad request. The body cannot be read: <a href=\"x\">&'."}`,
			head + `14020</code><message>Bad request. The body cannot be read: &lt;a href=&#34;x&#34;&gt;&amp;&#39;.</message></error>`},
	} {
		c.d.API = accounts
		a, b := problem.Render(c.d, problem.JSON, requestID, now), problem.Render(c.d, problem.XML, requestID, now)
		if diff := cmp.Diff([]string{c.json, "application/json"}, []string{string(a.Body), a.ContentType}); diff != "" {
			t.Errorf("%s: %s", c.d.Reason, diff)
		}
		if diff := cmp.Diff([]string{c.xml, "application/xml"}, []string{string(b.Body), b.ContentType}); diff != "" {
			t.Errorf("%s: %s", c.d.Reason, diff)
		}
	}
}

func TestHeadersOfAnswers(t *testing.T) {
	for _, reason := range access.Reasons() {
		if reason == access.ClientGone {
			continue
		}
		for _, api := range []*access.API{nil, card, accounts} {
			a := problem.Render(full(reason, api), problem.XML, requestID, now)
			header := http.Header{"Content-Type": {"left/over"}, "Content-Length": {"99"}}
			a.Apply(header)
			if header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %v", reason, header)
			}
			if got, want := header.Get("Allow") != "", a.Status == 405; got != want {
				t.Errorf("%s: Allow %q", reason, header.Get("Allow"))
			}
			if got, want := header.Get("Www-Authenticate") != "", a.Status == 401; got != want {
				t.Errorf("%s: %v", reason, header)
			}
			if a.Status == 429 && header.Get("Retry-After") == "" || (header.Get("Connection") == "close") != a.Close {
				t.Errorf("%s: %v", reason, header)
			}
			var err error
			if a.ContentType == problem.TypeXML {
				err = xml.Unmarshal(a.Body, new(struct{ XMLName xml.Name }))
			} else {
				err = json.Unmarshal(a.Body, new(any))
			}
			if err != nil || header.Get("Content-Type") != a.ContentType || header.Get("Content-Length") == "99" {
				t.Errorf("%s: %v %s %v", reason, err, a.Body, header)
			}
		}
	}
}

func TestRule33NothingForTheOperatorIsTold(t *testing.T) {
	for _, reason := range access.Reasons() {
		for _, api := range []*access.API{nil, card, accounts} {
			d := full(reason, api)
			d.Derivation = ""
			body := string(problem.Render(d, problem.JSON, requestID, now).Body)
			for _, hidden := range []string{"sandbox", "Acme", "ptn_x", "crd_x", "2445581234567", http.ErrBodyNotAllowed.Error()} {
				if strings.Contains(body, hidden) {
					t.Errorf("%s tells %q: %s", reason, hidden, body)
				}
			}
		}
	}
}

func TestRule20ADoubledHeaderIsToldWithItsName(t *testing.T) {
	for _, api := range []*access.API{card, accounts} {
		a := problem.Render(&access.Decision{Reason: access.DuplicateHeader, API: api, Where: "Finicity-App-Key"}, problem.JSON, requestID, now)
		if a.Status != 400 || !strings.Contains(string(a.Body), "The header Finicity-App-Key came more than once.") {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
}

// A caller that has left gets nothing, and a fault leaves the connection only where its end is known.
func TestCloseAndSilence(t *testing.T) {
	if diff := cmp.Diff(problem.Answer{Status: 499, Close: true}, problem.Render(full(access.ClientGone, card), problem.JSON, requestID, now)); diff != "" {
		t.Error(diff)
	}
	closes := map[access.Reason]bool{access.MalformedFraming: true, access.UpgradeNotAllowed: true, access.HostMismatch: true,
		access.BodyTooLarge: true, access.BodyTimeout: true, access.ClientGone: true}
	for _, reason := range access.Reasons() {
		if a := problem.Render(full(reason, card), problem.JSON, requestID, now); a.Close != closes[reason] {
			t.Errorf("%s: close %v", reason, a.Close)
		}
	}
}

func TestSetReplacesAndLeavesCopiesAlone(t *testing.T) {
	a := problem.Render(full(access.MethodNotAllowed, card), problem.JSON, requestID, now)
	b := a
	b.Set("Allow", "POST")
	b.Set("X", "1")
	if a.Get("Allow") != problem.AnyMethod || b.Get("Allow") != "POST" || b.Get("X") != "1" || a.Get("X") != "" {
		t.Errorf("%v %v", a.Header, b.Header)
	}
	empty := http.Header{}
	problem.Answer{Status: 204}.Apply(empty)
	if len(empty) != 0 {
		t.Errorf("a 204 has %v", empty)
	}
}
