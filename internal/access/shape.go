package access

import (
	"bytes"
	"strings"
)

// checkShape refuses what is not one plain request, before anything is routed or looked up.
func checkShape(r *Request, d *Decision) bool {
	switch {
	case r.Upgrade:
		return d.refuse(UpgradeNotAllowed, "", "this API does not upgrade connections")
	case r.Framing != "":
		return d.refuse(MalformedFraming, "", r.Framing)
	case !isMethod(r.Method):
		return d.refuse(MethodNotAllowed, "", "the method is not admissible here")
	case r.HostMismatch:
		return d.refuse(HostMismatch, "Host", "the request names no host, or two different ones")
	}
	return true
}

// isMethod admits upper-case words and refuses the methods that are about the connection or the proxy itself (rule 24).
func isMethod(m string) bool {
	if m == "" || len(m) > 20 || m == "CONNECT" || m == "TRACE" || m == "PRI" {
		return false
	}
	for i := range len(m) {
		if m[i] < 'A' || m[i] > 'Z' {
			return false
		}
	}
	return true
}

// checkConnection refuses a Connection header that names anything but connection options: a proxy that obeyed it would
// drop an authentication, forwarding or identity header on the way (security rule 17).
func checkConnection(lines []string, d *Decision) bool {
	for _, line := range lines {
		for option := range strings.SplitSeq(line, ",") {
			switch o := strings.TrimSpace(option); {
			case o == "", strings.EqualFold(o, "close"), strings.EqualFold(o, "keep-alive"), strings.EqualFold(o, "te"):
			default:
				return d.refuse(HopByHopHeader, "Connection", "Connection may name close, keep-alive and TE only")
			}
		}
	}
	return true
}

// checkHeaders looks at every header once and then refuses in a fixed order, so that a request with two faults gets the same
// answer every time.
func checkHeaders(r *Request, d *Decision) bool {
	upgrade, odd, browser := false, false, ""
	for name := range r.Header {
		switch {
		case name == "Upgrade":
			upgrade = true
		case byBrowser(name):
			browser = max(browser, name)
		case !IsPlainName(name):
			odd = true
		}
	}
	switch {
	case upgrade:
		return d.refuse(UpgradeNotAllowed, "Upgrade", "this API does not upgrade connections")
	case !checkConnection(r.Header["Connection"], d):
		return false
	case browser != "" && d.API.Protocol == Signed && !d.API.AllowBrowser:
		return d.refuse(BrowserRequest, browser, "this API is called by backends, not by browsers")
	}
	return !odd || d.oddName()
}

// byBrowser marks the headers with which browsers, and only they, say what they are doing (design decision 13). The one that
// is left out is Sec-Fetch-Mode: the fetch of server-side JavaScript sends it by itself, and a browser never without the others.
func byBrowser(name string) bool {
	return name == "Origin" || strings.HasPrefix(name, "Sec-Fetch-") && name != "Sec-Fetch-Mode"
}

// oddName refuses names outside [A-Za-z0-9-], which other programs fold into names that they trust (rule 18), or notes
// them where the API only warns.
func (d *Decision) oddName() bool {
	if !d.API.WarnHeaderNames {
		return d.refuse(MalformedHeader, "", "a header name has characters other than letters, digits and hyphens")
	}
	d.Warnings = append(d.Warnings, "header_name")
	return true
}

// IsPlainName reports whether a header name consists of letters, digits and hyphens. The doors drop every other header
// before they forward, also where an API only warns.
func IsPlainName(name string) bool {
	for i := range len(name) {
		if !plain[name[i]] {
			return false
		}
	}
	return name != ""
}

// plain marks the bytes of a plain name. Never written after its construction.
var plain = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-'
	}
	return table
}()

// checkLength refuses a declared length over the cap before the body is read, and an empty POST without a length where the
// API is strict about it (seed: Accessing the API, "Content-Length: 0").
func checkLength(r *Request, d *Decision) bool {
	if r.ContentLength > d.API.maxBody() {
		return d.refuse(BodyTooLarge, "", "the body is longer than this API takes")
	}
	if d.API.StrictEmptyPost && r.Method == "POST" && r.ContentLength == 0 && !r.LengthStated {
		return d.refuse(LengthRequired, "Content-Length", "a POST without a body must carry Content-Length: 0")
	}
	return true
}

// checkMedia holds strict APIs to the seed's "Content-Type: application/xml" on a POST or PUT with an XML body.
func checkMedia(r *Request, d *Decision, body []byte) bool {
	if !d.API.StrictXMLContentType || (r.Method != "POST" && r.Method != "PUT") || !looksLikeXML(body) || saysXML(r.Header["Content-Type"]) {
		return true
	}
	return d.refuse(UnsupportedMedia, "Content-Type", "an XML body must carry Content-Type: application/xml")
}

func looksLikeXML(body []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\ufeff")), " \t\r\n")
	return len(text) > 0 && text[0] == '<'
}

func saysXML(contentType []string) bool {
	if len(contentType) != 1 {
		return false
	}
	media, _, _ := strings.Cut(contentType[0], ";")
	media = strings.TrimSpace(media)
	return strings.EqualFold(media, "application/xml") || strings.EqualFold(media, "text/xml")
}
