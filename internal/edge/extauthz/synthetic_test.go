package extauthz_test

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Nothing here was recorded from Envoy, and none of it ran beside it. A synthetic check request is built from the protocol
// definition's own comments, and a synthetic filter does with an answer what they say that the filter does.

// syntheticFilter are the settings of the filter that a check request depends on.
type syntheticFilter struct {
	mended      bool // encode_raw_headers is off
	text        bool // pack_as_bytes is off
	noBody      bool // with_request_body is not set
	maxBody     int  // max_request_bytes, with allow_partial_message; 0: 1 MiB
	peer        string
	certificate string                     // include_peer_certificate
	change      func(*authv3.CheckRequest) // of what was built
}

// syntheticCheck is the check request for c.
func syntheticCheck(c call, f syntheticFilter) *authv3.CheckRequest {
	peer := f.peer
	if peer == "" {
		peer = listed
	}
	h := &authv3.AttributeContext_HttpRequest{Id: "4711", Method: clean(c.method), Path: clean(c.target), Host: clean(c.host), Scheme: "https", Protocol: c.protocol,
		Size: int64(len(c.body))}
	check := &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source:      &authv3.AttributeContext_Peer{Address: socketAddress(peer, 40123), Certificate: f.certificate},
		Destination: &authv3.AttributeContext_Peer{Address: socketAddress("10.0.0.1", 8443)},
		Request:     &authv3.AttributeContext_Request{Time: timestamppb.New(start), Http: h},
	}}
	fields := syntheticFields(c)
	if body := c.body; body != "" && !f.noBody {
		limit, partial := f.maxBody, "false"
		if limit == 0 {
			limit = 1 << 20
		}
		if len(body) > limit {
			body, partial = body[:limit], "true"
		}
		if f.text {
			h.Body = clean(body)
		} else {
			h.RawBody = []byte(body)
		}
		fields = append(fields, [2]string{"x-envoy-auth-partial-body", partial})
	}
	if f.mended {
		h.Headers = map[string]string{}
		for _, one := range fields {
			if former, has := h.Headers[one[0]]; has {
				one[1] = former + "," + one[1]
			}
			h.Headers[one[0]] = clean(one[1])
		}
	} else {
		h.HeaderMap = &corev3.HeaderMap{}
		for _, one := range fields {
			h.HeaderMap.Headers = append(h.HeaderMap.Headers, &corev3.HeaderValue{Key: one[0], RawValue: []byte(one[1])})
		}
	}
	if f.change != nil {
		f.change(check)
	}
	return check
}

// syntheticFields are the headers of c in the filter's form: pseudo headers first, lower case.
func syntheticFields(c call) [][2]string {
	fields := [][2]string{{":authority", c.host}, {":path", c.target}, {":method", c.method}, {":scheme", "https"}}
	names := make([]string, 0, len(c.header))
	for name := range c.header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range c.header[name] {
			fields = append(fields, [2]string{strings.ToLower(name), value})
		}
	}
	if _, has := c.header["Content-Length"]; !has && !c.noLength && (c.body != "" || c.method == "POST") {
		fields = append(fields, [2]string{"content-length", strconv.Itoa(len(c.body))})
	}
	return fields
}

// clean puts an exclamation mark in the place of each byte that is not UTF-8, as the filter does with strings.
func clean(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			b.WriteByte('!')
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

func socketAddress(address string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: address,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port}}}}
}

func wire(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// outcome is what a synthetic filter makes of an answer: what the upstream gets, or what the caller gets.
type outcome struct {
	allowed  bool
	upstream http.Header // with allowed
	status   int
	header   http.Header // of the answer to the caller; with allowed: what is set in the upstream's answer
	body     string
	metadata map[string]string
}

// applied is c after an answer: first every header is set, then some are removed.
func applied(t testing.TB, c call, answer []byte) outcome {
	t.Helper()
	response := new(authv3.CheckResponse)
	if err := proto.Unmarshal(answer, response); err != nil {
		t.Fatalf("the answer is no CheckResponse: %v", err)
	}
	if err := response.ValidateAll(); err != nil {
		t.Fatalf("the answer breaks the protocol's rules: %v", err)
	}
	o := outcome{header: http.Header{}, metadata: map[string]string{}}
	for key, value := range response.GetDynamicMetadata().GetFields() {
		o.metadata[key] = value.GetStringValue()
	}
	if response.GetErrorResponse() != nil {
		t.Fatal("an error response would be let through by failure_mode_allow")
	}
	if response.GetStatus() == nil {
		t.Fatal("no status")
	}
	if response.GetStatus().GetCode() != 0 {
		denied := response.GetDeniedResponse()
		o.status, o.body = int(denied.GetStatus().GetCode()), denied.GetBody()
		set(t, o.header, denied.GetHeaders())
		return o
	}
	ok := response.GetOkResponse()
	o.allowed, o.status, o.upstream = true, 200, http.Header{}
	maps.Copy(o.upstream, c.header)
	set(t, o.upstream, ok.GetHeaders())
	for _, name := range ok.GetHeadersToRemove() {
		for mine := range o.upstream {
			if strings.EqualFold(mine, name) {
				delete(o.upstream, mine)
			}
		}
	}
	set(t, o.header, ok.GetResponseHeadersToAdd())
	if len(ok.GetQueryParametersToSet())+len(ok.GetQueryParametersToRemove()) > 0 {
		t.Error("the target was changed")
	}
	return o
}

// set puts options into h. Only such that replace what is there are taken, and both ways to say it must agree.
func set(t testing.TB, h http.Header, options []*corev3.HeaderValueOption) {
	t.Helper()
	for _, o := range options {
		if o.GetAppend() == nil || o.GetAppend().GetValue() || o.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			t.Errorf("%s is not set in the place of what is there: %v", o.GetHeader().GetKey(), o)
		}
		if o.GetHeader().GetKey() != strings.ToLower(o.GetHeader().GetKey()) || len(o.GetHeader().GetRawValue()) > 0 {
			t.Errorf("the filter reads lower-case names and value: %v", o)
		}
		name := http.CanonicalHeaderKey(o.GetHeader().GetKey())
		for mine := range h {
			if strings.EqualFold(mine, name) {
				delete(h, mine)
			}
		}
		h[name] = []string{o.GetHeader().GetValue()}
	}
}
