package clientip_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"countersign.dev/internal/edge/clientip"
)

func TestRule21ForwardingHeadersAreRecognised(t *testing.T) {
	for _, name := range []string{
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Anything", "X-Forwarded",
		"Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Cluster-Client-IP", "X-Original-URL", "X-Original-Host",
		"X-Original-Forwarded-For", "X-Rewrite-URL", "Fastly-Client-IP", "X-Envoy-External-Address", "X-Remote-Addr", "CF-IPCountry",
	} {
		if !clientip.IsForwardingHeader(http.CanonicalHeaderKey(name)) {
			t.Errorf("%s is not removed", name)
		}
	}
	for _, name := range []string{"", "Host", "Accept", "X-Forwarder", "X-Auth-Token", "X-Request-Id", "Content-Type", "Forwarded-Not"} {
		if clientip.IsForwardingHeader(name) {
			t.Errorf("%s is removed", name)
		}
	}
}

// A name that is not canonical would never match a key of http.Header; the
// list has to be sorted for the search.
func TestForwardingHeadersAreCanonicalAndSorted(t *testing.T) {
	names := clientip.ForwardingHeaders()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Error("not sorted, or a name stands twice")
	}
	for _, name := range names {
		key := strings.TrimSuffix(name, "*")
		if http.CanonicalHeaderKey(key) != key {
			t.Errorf("%s is not canonical: %s", name, http.CanonicalHeaderKey(key))
		}
		if !clientip.IsForwardingHeader(key) {
			t.Errorf("%s is listed but not recognised", name)
		}
	}
	names[0] = "changed"
	if clientip.ForwardingHeaders()[0] == "changed" {
		t.Error("the caller can change the list")
	}
}
