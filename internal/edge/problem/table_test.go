package problem_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/problem"
	"github.com/google/go-cmp/cmp"
)

const requestID = "0123456789abcdef0123456789abcdef"

var (
	now      = time.Unix(1763625600, 999)
	card     = &access.API{Name: "card", Protocol: access.Signed, Window: 300 * time.Second}
	accounts = &access.API{Name: "aggregation", Protocol: access.Token}
)

// full is a decision with every field set that might leak, on an API.
func full(r access.Reason, api *access.API) *access.Decision {
	return &access.Decision{
		Reason: r, RequestID: requestID, API: api,
		Partner: &access.Partner{ID: "ptn_x"}, Credential: &access.Credential{ID: "crd_x", Login: "2445581234567"},
		Where: "X-Auth-Token", Detail: "the detail", Address: netip.MustParseAddr("203.0.113.9"), Country: "DE",
		Derivation: "peer 203.0.113.9", OtherEnvironment: "sandbox", Skew: 412 * time.Second, Cause: http.ErrBodyNotAllowed,
	}
}

func TestTableIsComplete(t *testing.T) {
	rows := map[access.Reason]problem.Row{}
	for _, r := range problem.Rows() {
		rows[r.Reason] = r
	}
	for _, reason := range access.Reasons() {
		r, ok := rows[reason]
		switch {
		case !ok:
			t.Errorf("%s has no row", reason)
		case r.Cause == "" || r.Cure == "":
			t.Errorf("%s has no cause or no cure", reason)
		case (r.Telling == problem.Silent) != (reason == access.Allowed || reason == access.ClientGone):
			t.Errorf("%s is %s", reason, r.Telling)
		case r.Telling == problem.Silent:
		case r.SignedCode == "" || r.SignedMessage == "":
			t.Errorf("%s has no code or message on signed APIs", reason)
		case r.Status < 400 || r.Status > 599 || http.StatusText(r.Status) == "":
			t.Errorf("%s has the status %d", reason, r.Status)
		}
		for _, c := range r.TokenCodes {
			if c.Code < 10000 || c.Message == "" {
				t.Errorf("%s on token APIs: %v", reason, c)
			}
		}
	}
	if len(rows) != len(access.Reasons()) {
		t.Errorf("%d rows, %d reasons", len(rows), len(access.Reasons()))
	}
}

// Messages need no escapes, so that they read the same in JSON, XML and a log.
func TestMessagesArePlain(t *testing.T) {
	for _, r := range problem.Rows() {
		texts := []string{r.SignedMessage}
		for _, c := range r.TokenCodes {
			texts = append(texts, c.Message)
		}
		for _, text := range texts {
			if strings.ContainsAny(text, `<>&"\`) || len(text) > 200 {
				t.Errorf("%s: %q", r.Reason, text)
			}
		}
	}
}

// status, code and message of every reason, as a caller of each family sees them.
func TestStatusAndCodes(t *testing.T) {
	for _, c := range []struct {
		reason access.Reason
		status int
		signed string
		token  string
	}{
		{access.MalformedFraming, 400, "malformed_framing", "14020"},
		{access.MalformedTarget, 400, "malformed_target", "14020"},
		{access.MalformedHeader, 400, "malformed_header", "14020"},
		{access.DuplicateHeader, 400, "duplicate_header", "14020"},
		{access.HopByHopHeader, 400, "hop_by_hop_header", "14020"},
		{access.MethodNotAllowed, 405, "method_not_allowed", "14020"},
		{access.UpgradeNotAllowed, 400, "upgrade_not_allowed", "14020"},
		{access.HostMismatch, 400, "host_mismatch", "14020"},
		{access.UnknownHost, 421, "unknown_host", "14020"},
		{access.UnknownAPI, 404, "unknown_api", "14020"},
		{access.BrowserRequest, 403, "browser_request", "10021"},
		{access.BodyTooLarge, 413, "body_too_large", "14020"},
		{access.LengthRequired, 411, "length_required", "14020"},
		{access.UnsupportedMedia, 415, "unsupported_media_type", "14020"},
		{access.BodyTimeout, 408, "body_timeout", "14020"},
		{access.MalformedBody, 400, "malformed_body", "14020"},
		{access.AmbiguousBody, 400, "ambiguous_body", "14020"},
		{access.MissingParameter, 400, "missing_parameter", "10005"},
		{access.SecretPolicy, 400, "secret_policy", "24437"},
		{access.MissingHeader, 401, "missing_header", "10026"},
		{access.MalformedTime, 400, "malformed_timestamp", "14020"},
		{access.StaleTimestamp, 401, "stale_timestamp", "10021"},
		{access.FutureTimestamp, 401, "stale_timestamp", "10021"},
		{access.AddressUnknown, 403, "address_unknown", "10021"},
		{access.UnknownCredential, 401, "unauthorized", "10027"},
		{access.WrongEnvironment, 401, "unauthorized", "10027"},
		{access.RevokedCredential, 401, "unauthorized", "10027"},
		{access.BadSignature, 401, "unauthorized", "10027"},
		{access.InvalidToken, 401, "unauthorized", "10022"},
		{access.ExpiredToken, 401, "unauthorized", "10023"},
		{access.BadSecret, 401, "unauthorized", "10001"},
		{access.Locked, 401, "unauthorized", "24302"},
		{access.UnprovedAddress, 401, "unauthorized", "10001"},
		{access.Throttled, 429, "throttled", "14020"},
		{access.NotApproved, 403, "not_approved", "10021"},
		{access.Suspended, 403, "suspended", "10021"},
		{access.ClientCertificate, 403, "client_certificate", "10021"},
		{access.AddressNotListed, 403, "address_not_listed", "10021"},
		{access.CountryNotAllowed, 403, "country_not_allowed", "10021"},
		{access.RateLimited, 429, "rate_limited", "14020"},
		{access.QuotaExceeded, 429, "quota_exceeded", "14020"},
		{access.Replayed, 409, "replayed", "14020"},
		{access.Overloaded, 503, "overloaded", "14020"},
		{access.Unavailable, 503, "unavailable", "14020"},
		{access.SnapshotStale, 503, "snapshot_stale", "14020"},
		{access.Internal, 503, "internal", "14020"},
		{access.UpstreamUnreachable, 502, "upstream_unreachable", "14020"},
		{access.UpstreamTimeout, 504, "upstream_timeout", "14020"},
		{access.UpstreamInvalid, 502, "upstream_invalid", "14020"},
		{access.Unset, 503, "internal", "14020"},
		{access.Allowed, 503, "internal", "14020"},
		{access.Reason(250), 503, "internal", "14020"},
	} {
		a := problem.Render(full(c.reason, card), problem.XML, requestID, now)
		if want := `{"status":"error","errors":["` + c.signed + `"],"message":"`; a.Status != c.status || !strings.HasPrefix(string(a.Body), want) {
			t.Errorf("%s, signed: %d %s", c.reason, a.Status, a.Body)
		}
		b := problem.Render(full(c.reason, accounts), problem.JSON, requestID, now)
		if want := `{"code":` + c.token + `,"message":"`; b.Status != c.status || !strings.HasPrefix(string(b.Body), want) {
			t.Errorf("%s, token: %d %s", c.reason, b.Status, b.Body)
		}
	}
}

func TestRule9OneAnswerForAllThatDependsOnWhatIsStored(t *testing.T) {
	want := problem.Render(&access.Decision{Reason: access.BadSignature, API: card}, problem.JSON, requestID, now)
	wire := `{"status":"error","errors":["unauthorized"],"message":"The request is not authorized.","request_id":"` + requestID + `","server_time":1763625600}`
	if string(want.Body) != wire || want.Status != 401 {
		t.Fatalf("%d %s", want.Status, want.Body)
	}
	reasons := []access.Reason{access.UnknownCredential, access.WrongEnvironment, access.RevokedCredential, access.BadSignature,
		access.InvalidToken, access.ExpiredToken, access.BadSecret, access.Locked, access.UnprovedAddress}
	for _, r := range reasons {
		for _, d := range []*access.Decision{full(r, card), {Reason: r, API: card}} {
			if diff := cmp.Diff(want, problem.Render(d, problem.JSON, requestID, now)); diff != "" {
				t.Errorf("%s: %s", r, diff)
			}
		}
	}
}

// On token APIs the vendor's codes tell wrong keys from wrong secrets, and nothing within each of the two.
func TestRule9TokenFamiliesAreUniformWithin(t *testing.T) {
	for _, family := range [][]access.Reason{
		{access.UnknownCredential, access.WrongEnvironment, access.RevokedCredential, access.BadSignature},
		{access.BadSecret, access.UnprovedAddress},
	} {
		for _, f := range []problem.Format{problem.JSON, problem.XML} {
			want := problem.Render(&access.Decision{Reason: family[0], API: accounts}, f, requestID, now)
			for _, r := range family {
				if diff := cmp.Diff(want, problem.Render(full(r, accounts), f, requestID, now)); diff != "" {
					t.Errorf("%s, %s: %s", r, f, diff)
				}
			}
		}
	}
}

// TestNothingOfATemplateIsLeft: every name that the table puts in braces is filled in, whatever is known of the request.
func TestNothingOfATemplateIsLeft(t *testing.T) {
	for _, reason := range access.Reasons() {
		for _, api := range []*access.API{card, accounts} {
			bare := &access.Decision{Reason: reason, API: api}
			for _, d := range []*access.Decision{full(reason, api), bare} {
				var told struct{ Message string }
				body := problem.Render(d, problem.JSON, requestID, now).Body
				if len(body) > 0 && json.Unmarshal(body, &told) != nil || strings.ContainsAny(told.Message, "{}") {
					t.Errorf("%s: %s", reason, body)
				}
			}
		}
	}
}
