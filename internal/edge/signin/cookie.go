package signin

import (
	"net/http"
	"time"

	"countersign.dev/internal/secret"
)

// The cookies. Over https their names carry the prefix __Host-, so that no other host and no plain page can set them. Ports of one
// host share cookies: members' ones carry another name, so that neither sign-in throws the other one's out.
const (
	sessionCookie = ""
	stateCookie   = "-state" // the ticket of a ceremony that has begun
	linkCookie    = "-link"  // a one-time link on its way from the link page to the ceremony

	operatorCookies = "countersign"
	memberCookies   = "countersign-portal"
)

const stateLife = 10 * time.Minute

func (h *Handler) secure() bool { return h.public.Scheme == "https" }

func (h *Handler) cookieName(name string) string {
	name = h.cookies + name
	if h.secure() {
		return "__Host-" + name
	}
	return name
}

// setCookie sets a cookie that scripts cannot read; life 0 ends with the browser, negative: it is removed.
func (h *Handler) setCookie(w http.ResponseWriter, name, value string, life time.Duration, site http.SameSite) {
	c := http.Cookie{Name: h.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: h.secure(), SameSite: site,
		MaxAge: int(life.Seconds())}
	http.SetCookie(w, &c)
}

func (h *Handler) dropCookie(w http.ResponseWriter, name string) {
	h.setCookie(w, name, "", -time.Second, http.SameSiteLaxMode)
}

// cookie is the value of a cookie that came once; else empty.
func (h *Handler) cookie(r *http.Request, name string) string {
	list := r.CookiesNamed(h.cookieName(name))
	if len(list) != 1 {
		return ""
	}
	return list[0].Value
}

// begin gives the browser a session, in the place of whatever it had, and wipes the token.
func (h *Handler) begin(w http.ResponseWriter, token secret.Value) {
	h.setCookie(w, sessionCookie, string(token.Bytes()), 0, http.SameSiteLaxMode)
	token.Zero()
	h.dropCookie(w, stateCookie)
	h.dropCookie(w, linkCookie)
}
