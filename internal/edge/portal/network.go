package portal

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func networkRoutes() []route {
	return []route{
		{pattern: "GET /addresses", serve: (*visit).addresses},
		{pattern: "POST /addresses", serve: (*visit).propose, back: "/addresses"},
		{pattern: "POST /addresses/{network}/remove", serve: (*visit).removeNetwork, back: "/addresses"},
	}
}

// addressesPage is the Data of "addresses".
type addressesPage struct {
	Places  []addressPlace
	Form    *page.Form // proposes an address
	Remove  *page.Form
	Options []page.Option // environments
	APIs    []page.Option
	Waiting []asked
	Known   bool // which addresses call is known
	Visitor string
	Open    bool // an environment is there in which addresses can be registered
}

// addressPlace is one environment with its rules and what was really seen.
type addressPlace struct {
	Environment, Title string
	Rules              []partner.NetworkRule
	Seen               []seenAddress
	Asks               bool // an API of it lets in registered addresses only
}

// seenAddress is an address from which calls with a proof really came.
type seenAddress struct {
	Address netip.Addr
	Listed  bool
	Link    string // proposes it
}

// addresses shows the partner's rules beside the addresses that really call.
func (v *visit) addresses(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	form := v.newForm(w, r, "environment", asked.Get("environment"), "prefix", page.Cut(60, asked.Get("prefix")), "api", "", "note", "")
	if form == nil {
		return
	}
	v.addressList(w, r, form, 0)
}

func (v *visit) addressList(w http.ResponseWriter, r *http.Request, form *page.Form, status int) {
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, form)
		return
	}
	used, data := v.usage(own), addressesPage{Form: form, Remove: v.newForm(w, r)}
	if data.Remove == nil {
		return
	}
	data.Known = used.known
	if seen := v.s.cfg.Address(r); seen.Known {
		data.Visitor = seen.Address.String()
	}
	data.APIs = []page.Option{{Value: "", Text: "every API"}}
	for _, e := range v.s.cfg.Environments() {
		if reviewOf(own, e.Name).State == "" {
			continue
		}
		data.Options = append(data.Options, page.Option{Value: e.Name, Text: e.Name})
		data.Places = append(data.Places, addressPlaceOf(own, e, used))
		for _, a := range e.APIs {
			if a.API != nil && !slices.ContainsFunc(data.APIs, func(o page.Option) bool { return o.Value == a.Name }) {
				data.APIs = append(data.APIs, page.Option{Value: a.Name, Text: a.Name})
			}
		}
	}
	data.Open = len(data.Options) > 0
	for _, p := range own.Proposals {
		if p.EndedAt.IsZero() && (p.Operation.Name == registry.OpNetworkAllow || p.Operation.Name == registry.OpNetworkRemove) {
			data.Waiting = append(data.Waiting, askedOf(p, v.who.Name))
		}
	}
	v.show(w, r, "addresses", page.View{Title: "Addresses", Section: "addresses", Status: status,
		Lead:    "From where your programs call, and from where they may.",
		Actions: []page.Item{{Text: "What is my address?", Href: Base + "/address"}}, Data: data})
}

func addressPlaceOf(own registry.MemberView, e Environment, u used) addressPlace {
	p := addressPlace{Environment: e.Name, Title: title(e.Name), Rules: networksIn(own, e.Name), Asks: asksAddresses(e)}
	for _, address := range u.addresses(e.Name) {
		listed := slices.ContainsFunc(p.Rules, func(n partner.NetworkRule) bool { return n.Prefix.IsValid() && n.Prefix.Contains(address) })
		p.Seen = append(p.Seen, seenAddress{Address: address, Listed: listed,
			Link: page.Link(Base+"/addresses", "environment", e.Name, "prefix", address.String()) + "#propose"})
	}
	return p
}

// propose asks an operator to let an address call.
func (v *visit) propose(w http.ResponseWriter, r *http.Request) {
	form := v.form(w, r)
	if form == nil {
		return
	}
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, form)
		return
	}
	params := v.networkFrom(form, own)
	if form.Bad() {
		v.addressList(w, r, form, http.StatusUnprocessableEntity)
		return
	}
	_, err = v.do(r, registry.OpNetworkAllow, form.Value("environment"), params, form, "")
	if text := networkFault(err); text != "" {
		form.Problem = text
		v.addressList(w, r, form, http.StatusUnprocessableEntity)
		return
	}
	v.settle(w, r, err, form, Base+"/addresses", "asked")
}

// networkFrom reads what is proposed, and says in the form what is wrong with it.
func (v *visit) networkFrom(form *page.Form, own registry.MemberView) registry.NetworkAllow {
	params := registry.NetworkAllow{API: form.Value("api"), Note: line(form, "note", false, maxReason)}
	e, ok := v.s.environment(form.Value("environment"))
	if !ok || reviewOf(own, e.Name).State == "" { // what APIs there are is told to nobody who has not asked for access
		form.Refuse("environment", "Choose an environment in which you have asked for access.")
	} else if _, ok := e.API(params.API); params.API != "" && !ok {
		form.Refuse("api", "This environment has no such API.")
	}
	prefix, err := parsePrefix(strings.TrimSpace(form.Value("prefix")))
	switch {
	case err != nil:
		form.Refuse("prefix", "Write an address or a network: 203.0.113.7, 203.0.113.0/24, 2001:db8::/48.")
	case prefix != prefix.Masked():
		form.Refuse("prefix", "This network has bits behind its length. Did you mean "+prefix.Masked().String()+"?")
	case prefix.Bits() == 0:
		form.Refuse("prefix", "This is every address there is. Name those that you really call from.")
	case isInside(prefix.Addr()) && (!ok || e.Last):
		form.Refuse("prefix", "Nobody calls over the internet from this address: it is one of an inner network. \"What is my address?\" shows the one that is seen.")
	}
	params.Prefix = prefix
	return params
}

// isInside reports whether an address is one that never comes from elsewhere.
func isInside(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast()
}

// networkFault is what the register holds against a network, in words; empty: nothing, or something that is not about it.
func networkFault(err error) string {
	switch {
	case errors.Is(err, registry.ErrState):
		return "It is registered already, or too many requests of yours wait for an operator. Nothing was changed."
	case errors.Is(err, registry.ErrArgument), errors.Is(err, partner.ErrInvalid):
		return "This network cannot be registered: it may be too wide. Name the addresses that you really call from."
	}
	return ""
}

// removeNetwork takes one of the partner's own rules away.
func (v *visit) removeNetwork(w http.ResponseWriter, r *http.Request) {
	form := v.form(w, r)
	if form == nil {
		return
	}
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, form)
		return
	}
	i := slices.IndexFunc(own.Networks, func(n partner.NetworkRule) bool { return n.ID == r.PathValue("network") })
	if i < 0 {
		v.foreignRow(w, r)
		return
	}
	done, err := v.do(r, registry.OpNetworkRemove, own.Networks[i].Environment, registry.NetworkRemove{ID: own.Networks[i].ID}, form, "")
	key := "removed"
	if done.Proposal != nil {
		key = "asked"
	}
	v.settle(w, r, err, form, Base+"/addresses", key)
}

// verdictWords says what the rules make of an address.
func verdictWords(n access.NetworkVerdict) (word, tone, text string) {
	switch {
	case n.Reason == access.Unavailable || n.Reason == access.UnknownAPI || n.Reason == access.UnknownCredential:
		return "Not known", "plain", "It cannot be told at the moment."
	case n.Reason == access.Allowed && n.Warned:
		return "Let in, for now", "warn", "It is not registered, and is let in for now."
	case n.Reason == access.Allowed:
		return "Let in", "good", "A call from this address passes the check of addresses."
	case n.Reason == access.CountryNotAllowed:
		return "Refused", "bad", "Its country is not one that is agreed for you."
	}
	return "Refused", "bad", "It is not registered."
}
