package portal

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// route is one page or one form of the portal.
type route struct {
	pattern string // "GET /calls/{request}", below Base
	serve   func(*visit, http.ResponseWriter, *http.Request)
	// back is the page of a form, below Base, in which {names} stand for the values of the pattern: where somebody goes whose
	// session has ended meanwhile.
	back string
}

// visit is one request of a member. Whatever is read or changed through it is of the member's own partner.
type visit struct {
	s       *Server
	who     operator.Principal
	partner string // row id, of the session; there is no other place from which it is taken
	back    string // the path of the page that the form belongs to; of a page: its own
}

// visit finds out who asks, and lets nobody in but members.
func (s *Server) visit(w http.ResponseWriter, r *http.Request, to route) {
	who, err := s.cfg.Authenticate(r)
	if err == nil && (who.Kind != operator.KindMember || who.PartnerID == "") {
		err = operator.ErrNotSignedIn // an operator's session opens nothing here, whatever the cookie is called
	}
	v := &visit{s: s, who: who, partner: who.PartnerID, back: to.page(r)}
	switch {
	case err == nil:
		to.serve(v, w, r)
	case errors.Is(err, operator.ErrNotSignedIn):
		v.who = operator.Principal{}
		v.signedOut(w, r, nil)
	default:
		s.cfg.Log("authenticate", err)
		v.who = operator.Principal{}
		v.away(w, r, nil)
	}
}

// page is the path of the page that a request to a route belongs to.
func (to route) page(r *http.Request) string {
	if to.back == "" {
		return r.URL.RequestURI()
	}
	out := Base
	for segment := range strings.SplitSeq(strings.TrimPrefix(to.back, "/"), "/") {
		if name, hole := strings.CutPrefix(segment, "{"); hole {
			segment = r.PathValue(strings.TrimSuffix(name, "}"))
		}
		out = page.Path(out, segment)
	}
	return out
}

// toPage leads whoever opens the address of a form (it stands in the address bar above its answer) to the page of that form.
func (v *visit) toPage(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, v.back, http.StatusSeeOther)
}

// own reads all that members of the visitor's partner may see of the register, as of one moment.
func (v *visit) own(ctx context.Context) (registry.MemberView, error) {
	return v.s.cfg.Register.MemberView(ctx, v.partner)
}

// foreignRow answers whoever names a row that is not of the own partner: as nowhere does. Whoever wants to change one is in the record:
// ids are not guessed, and so somebody has one that got lost.
func (v *visit) foreignRow(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		v.s.cfg.Register.RefusedMember(r.Context(), v.who, r.Pattern, r.URL.Path)
	}
	v.nowhere(w, r)
}

// show sends a page with the navigation around it.
func (v *visit) show(w http.ResponseWriter, r *http.Request, name string, view page.View) {
	view.Nav, view.Who = v.s.nav(), v.who.Name
	v.s.kit.Show(w, r, name, view)
}

// signedOut leads to the sign-in and back. A form is not sent again by that: what was typed stands on the page, to be copied.
func (v *visit) signedOut(w http.ResponseWriter, r *http.Request, form *page.Form) {
	to := "/sign-in/"
	if page.Here(v.back) {
		to += "?next=" + url.QueryEscape(v.back)
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	if form == nil {
		form, _ = v.readAny(w, r, maxTested) // of the longest form that there is
	}
	v.s.kit.Show(w, r, "trouble", page.View{Title: "You were signed out", Status: http.StatusUnauthorized, Narrow: true, Data: page.Trouble{
		Text:  "Your session had ended before this was sent. Nothing was done.",
		Next:  []string{"Sign in, then do it again: the sign-in leads back to the page that you came from."},
		Links: []page.Item{{Text: "Sign in", Href: to, Main: true}}, Kept: kept(form)}})
}

// nav is the navigation. Tester and debugger are there where they can be used.
func (s *Server) nav() []page.Item {
	items := []page.Item{
		{Text: "Getting started", Href: Base + "/start", Key: "start"},
		{Text: "Credentials", Href: Base + "/credentials", Key: "credentials"},
		{Text: "Calls", Href: Base + "/calls", Key: "calls"},
		{Text: "Addresses", Href: Base + "/addresses", Key: "addresses"},
	}
	if s.cfg.Tester.Sender != nil {
		items = append(items, page.Item{Text: "Try a call", Href: Base + "/tester", Key: "tester"})
	}
	if s.cfg.Debugger.Desk != nil {
		items = append(items, page.Item{Text: "Signature debugger", Href: Base + "/debugger", Key: "debugger"})
	}
	return append(items, page.Item{Text: "Requests", Href: Base + "/requests", Key: "requests"},
		page.Item{Text: "Your account", Href: Base + "/account", Key: "account"})
}
