package page

import "net/http"

// policy lets a page load its own files and talk to its own server, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Protect sets the headers of every answer of a surface: the content security policy, no framing, no sniffing, no
// referrer, no cache. Show calls it; a handler that answers by itself calls it first.
func Protect(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer, browsers say "Origin: null" of our own forms
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
}

// Guard lets a request through to next that a browser cannot have been made to send by another site (security rule 31):
// http.CrossOriginProtection, and for a method that changes something the browser must also say where it comes from, by
// Origin or by Sec-Fetch-Site. Everything else goes to refuse, which answers 403. It is safe for concurrent use.
func Guard(next, refuse http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(refuse)
	inner := cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		safe := r.Method == http.MethodGet || r.Method == http.MethodHead
		told := r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") == "same-origin"
		if !safe && !told {
			refuse.ServeHTTP(w, r)
			return
		}
		inner.ServeHTTP(w, r)
	})
}
