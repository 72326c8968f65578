package portal

import (
	"net/http"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/page"
)

func addressRoutes() []route {
	return []route{{pattern: "GET /address", serve: (*visit).address}}
}

// addressPage is the Data of "address": from where the visitor comes, how that was found, and what the rules make of it.
type addressPage struct {
	Address  string
	Why      string
	Hops     []hopRow
	Verdicts []verdictRow
	Propose  string
}

// hopRow is one entry of the forwarding header that came with the visitor's own request.
type hopRow struct {
	Text    string
	Trusted bool
}

// verdictRow says what one API would make of the address.
type verdictRow struct {
	Environment, API string
	Word, Tone, Text string
	Country          string
}

// address answers "what is my address, as you see it".
func (v *visit) address(w http.ResponseWriter, r *http.Request) {
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, nil)
		return
	}
	seen := v.s.cfg.Address(r)
	data := addressPage{Why: whyWords(seen)}
	for _, h := range seen.Hops {
		data.Hops = append(data.Hops, hopRow{Text: page.Cut(60, h.Text), Trusted: h.Trusted})
	}
	if seen.Known {
		data.Address = seen.Address.String()
		for _, e := range v.s.cfg.Environments() {
			if reviewOf(own, e.Name).State != "" {
				data.Verdicts = append(data.Verdicts, v.verdicts(e, seen)...)
			}
		}
	}
	for _, row := range data.Verdicts {
		if row.Tone == "bad" || row.Tone == "warn" {
			data.Propose = page.Link(Base+"/addresses", "environment", row.Environment, "prefix", data.Address) + "#propose"
			break
		}
	}
	v.show(w, r, "address", page.View{Title: "What is my address?", Section: "addresses", Narrow: true,
		Trail: []page.Item{{Text: "Addresses", Href: Base + "/addresses"}}, Data: data})
}

// whyWords says how an address was found, for people who do not know our proxies.
func whyWords(seen Seen) string {
	switch {
	case !seen.Known:
		return "What our proxies say about your connection holds no address that can be read."
	case len(seen.Hops) == 0:
		return "It is the other end of your connection."
	case seen.Hops[len(seen.Hops)-1].Trusted:
		return "Every address on the way is one of our own proxies; the farthest one was taken."
	}
	return "It is the nearest address on the way that is not one of our own proxies."
}

// verdicts ask the rules in force, for the partner of the session.
func (v *visit) verdicts(e Environment, seen Seen) (out []verdictRow) {
	if v.s.cfg.Networks == nil {
		return nil
	}
	for _, a := range e.APIs {
		if a.API == nil {
			continue
		}
		verdict := v.s.cfg.Networks.TestNetwork(e.Name, a.Name, v.partner, seen.Address)
		row := verdictRow{Environment: e.Name, API: a.Name, Country: verdict.Country}
		row.Word, row.Tone, row.Text = verdictWords(verdict)
		if verdict.Admission != access.Allowed && verdict.Admission != access.Unset {
			row.Text += " Your access to " + e.Name + " is not in force, so that every call is refused for now."
		}
		out = append(out, row)
	}
	return out
}
