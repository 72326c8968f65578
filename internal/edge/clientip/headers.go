package clientip

import (
	"slices"
	"strings"
)

// forwardingHeaders is the closed list, beside the name spaces below: every
// header by which a proxy tells, or a caller claims, an address, a country, or
// the host, scheme and target of another request than the one that was verified.
// Keys are canonical as net/http makes them (X-Real-Ip, never X-Real-IP).
var forwardingHeaders = []string{
	"Ali-Cdn-Real-Ip",
	"Cdn-Src-Ip",
	"Cf-Connecting-Ip",
	"Cf-Connecting-Ipv6",
	"Cf-Ipcountry",
	"Cf-Pseudo-Ipv4",
	"Cf-Visitor",
	"Client-Ip",
	"Cloudfront-Forwarded-Proto",
	"Cloudfront-Viewer-Address",
	"Cloudfront-Viewer-Country",
	"Eo-Client-Ip",
	"Fastly-Client-Ip",
	"Fly-Client-Ip",
	"Forwarded",
	"Forwarded-For",
	"Forwarded-For-Ip",
	"Front-End-Https",
	"Proxy-Client-Ip",
	"Remote-Addr",
	"True-Client-Ip",
	"Wl-Proxy-Client-Ip",
	"X-Appengine-User-Ip",
	"X-Azure-Clientip",
	"X-Azure-Socketip",
	"X-Client-Ip",
	"X-Cluster-Client-Ip",
	"X-Coming-From",
	"X-Country-Code",
	"X-Forwarded",
	"X-Geoip-Country",
	"X-Host",
	"X-Http-Host-Override",
	"X-Nf-Client-Connection-Ip",
	"X-Originating-Ip",
	"X-Proxyuser-Ip",
	"X-Real-Ip",
	"X-Real-Port",
	"X-Remote-Addr",
	"X-Remote-Ip",
	"X-Rewrite-Url",
	"X-Scheme",
	"X-Sourceip",
	"X-True-Client-Ip",
	"X-Url-Scheme",
	"X-Vercel-Forwarded-For",
	"X-Vercel-Ip-Country",
}

// forwardingPrefixes are the name spaces that go as a whole.
var forwardingPrefixes = []string{"X-Envoy-", "X-Forwarded-", "X-Original-"}

// ForwardingHeaders returns the names and, ending in "-*", the name spaces that
// are removed before a request is forwarded, sorted: for the documentation. The
// caller owns the slice.
func ForwardingHeaders() []string {
	names := slices.Clone(forwardingHeaders)
	for _, prefix := range forwardingPrefixes {
		names = append(names, prefix+"*")
	}
	slices.Sort(names)
	return names
}

// IsForwardingHeader reports whether a header is removed before a request is
// forwarded. canonical is the key as http.CanonicalHeaderKey makes it; other
// spellings are not recognised. It allocates nothing (security rules 19 and 21).
func IsForwardingHeader(canonical string) bool {
	for _, prefix := range forwardingPrefixes {
		if strings.HasPrefix(canonical, prefix) {
			return true
		}
	}
	_, found := slices.BinarySearch(forwardingHeaders, canonical)
	return found
}
