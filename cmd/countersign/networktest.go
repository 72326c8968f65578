package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"countersign.dev/internal/access"
	"countersign.dev/internal/country"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/partner"
	"github.com/spf13/cobra"
)

// networkQuestion is what `network test` asks.
type networkQuestion struct {
	who, environment, api    string
	address, peer, forwarded string
	countryFile              string
}

func newNetworkTest(o *operator) *cobra.Command {
	q := new(networkQuestion)
	c := &cobra.Command{
		Use:   "test --partner PARTNER --address ADDRESS",
		Short: "Explain whether a partner may call from an address",
		Long: `Explain whether a partner may call from an address, by the register as it is now: which rules there are, which hold the address,
and what each API asks for. With --peer instead of --address it also explains how the address of a caller is derived: the
other end of the connection, and what it says in its forwarding header, as far as it is a trusted proxy of the
configuration. Nothing is sent and nothing changed. Exit code 1: refused for at least one of the APIs asked for.

` + whoHelp,
		Example: `  countersign network test --partner "Example Bank" --address 203.0.113.7 --environment production --api card
  countersign network test --partner "Example Bank" --peer 10.0.0.4 --forwarded "203.0.113.7, 10.0.0.9"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.onDisk(c, func(s *session) error { return q.answer(s) })
		},
	}
	f := c.Flags()
	f.StringVar(&q.who, "partner", "", "the `PARTNER`")
	environmentFlag(c, &q.environment, false)
	f.StringVar(&q.api, "api", "", "only this API, by its `NAME`; all of them unless given")
	f.StringVar(&q.address, "address", "", "client `ADDRESS`, already derived")
	f.StringVar(&q.peer, "peer", "", "`ADDRESS` of the other end of the connection, from which the client's is derived")
	f.StringVar(&q.forwarded, "forwarded", "", "`VALUE` of the forwarding header that --peer sends")
	f.StringVar(&q.countryFile, "country-file", "", "MMDB `FILE` for country rules, instead of the configuration's")
	_ = c.MarkFlagRequired("partner")
	_ = c.RegisterFlagCompletionFunc("partner", completePartner(o))
	completeEnvironments(o, c)
	return c
}

// networkAnswer is the outcome for one API.
type networkAnswer struct {
	Environment string     `json:"environment"`
	API         string     `json:"api"`
	Allowed     bool       `json:"allowed"`
	Reason      string     `json:"reason"`
	Warned      bool       `json:"warned"` // let in all the same: the API only warns
	Addresses   string     `json:"addresses"`
	Address     string     `json:"address,omitempty"`
	Country     string     `json:"country,omitempty"`
	Derivation  string     `json:"derivation,omitempty"`
	Rules       []ruleView `json:"rules"`
}

type ruleView struct {
	API     string `json:"api,omitempty"`
	Network string `json:"network"`
	Applies bool   `json:"applies"`
	Matches bool   `json:"matches"`
}

func (q *networkQuestion) answer(s *session) error {
	if (q.address == "") == (q.peer == "") || q.forwarded != "" && q.peer == "" {
		return hinted{errors.New("which address?"), "give --address, or --peer and what it sends with --forwarded"}
	}
	p, err := s.partner(q.who)
	if err != nil {
		return err
	}
	apis, err := q.apis(s.at)
	if err != nil {
		return err
	}
	decider, err := q.decider(s, apis)
	if err != nil {
		return err
	}
	answers, refused := []networkAnswer{}, false
	for _, api := range apis {
		if q.environment != "" && api.Environment != q.environment || q.api != "" && api.Name != q.api {
			continue
		}
		answer, err := q.ask(s, decider, api, p.ID)
		if err != nil {
			return err
		}
		answers, refused = append(answers, answer), refused || !answer.Allowed
	}
	if len(answers) == 0 {
		return hinted{errors.New("there is no such API"), "it is one of " + apiNames(apis)}
	}
	if err := q.show(s, p, answers); err != nil || !refused {
		return err
	}
	return errRefused
}

func apiNames(apis []*access.API) string {
	var names []string
	for _, api := range apis {
		names = append(names, api.Environment+"/"+api.Name)
	}
	return strings.Join(names, ", ")
}

// decider knows partners, reviews and networks: no secret is read for it.
func (q *networkQuestion) decider(s *session, apis []*access.API) (*access.Decider, error) {
	at := clock()
	cfg := access.Config{APIs: apis, Now: clock}
	file := q.countryFile
	if file == "" && s.at.config != nil {
		file = s.at.config.Countries.File
	}
	if file != "" {
		table, err := country.Open(file)
		if err != nil {
			return nil, err
		}
		cfg.Countries = table
	}
	decider, err := access.New(cfg)
	if err != nil {
		return nil, err
	}
	roster, err := s.publicRoster()
	if err != nil {
		return nil, err
	}
	if err := decider.Load(roster, at); err != nil {
		return nil, hinted{err, "country rules need the server's country file: name it with --country-file"}
	}
	return decider, nil
}

// publicRoster is what the register says of partners, without credentials, limits and keys.
func (s *session) publicRoster() (roster *partner.Roster, err error) {
	roster = &partner.Roster{ReadAt: clock()}
	if roster.Revision, err = s.Revision(s.ctx); err != nil {
		return nil, err
	}
	if roster.Partners, err = s.Partners(s.ctx); err != nil {
		return nil, err
	}
	if roster.Reviews, err = s.Reviews(s.ctx, ""); err != nil {
		return nil, err
	}
	roster.Networks, err = s.Networks(s.ctx, "")
	return roster, err
}

// ask derives the address, where it is to be derived, and asks for one API.
func (q *networkQuestion) ask(s *session, decider *access.Decider, api *access.API, partnerID string) (networkAnswer, error) {
	answer := networkAnswer{Environment: api.Environment, API: api.Name}
	address, err := q.derive(s.at, api.Environment, &answer)
	if err != nil {
		return answer, err
	}
	verdict := decider.TestNetwork(api.Environment, api.Name, partnerID, address)
	answer.Reason, answer.Warned, answer.Country = verdict.Reason.String(), verdict.Warned, verdict.Country
	if verdict.Reason == access.Allowed && verdict.Admission != access.Allowed {
		answer.Reason = verdict.Admission.String()
	}
	answer.Allowed = verdict.Reason == access.Allowed && verdict.Admission == access.Allowed
	answer.Addresses = map[access.AddressRule]string{access.AddressRequired: "required", access.AddressOptional: "optional", access.AddressOff: "off"}[verdict.Asked]
	if verdict.Address.IsValid() {
		answer.Address = verdict.Address.String()
	}
	answer.Rules = views(verdict.Rules, func(r access.NetworkRule) ruleView {
		v := ruleView{API: r.API, Network: "country " + r.Country, Applies: r.Applies, Matches: r.Matches}
		if r.Prefix.IsValid() {
			v.Network = r.Prefix.String()
		}
		return v
	})
	return answer, nil
}

func (q *networkQuestion) derive(at place, environment string, answer *networkAnswer) (netip.Addr, error) {
	if q.address != "" {
		return parseAddress("--address", q.address)
	}
	peer, err := parseAddress("--peer", q.peer)
	if err != nil {
		return peer, err
	}
	cfg := clientip.Config{}
	if at.config != nil {
		e := at.config.Environment(environment)
		cfg = clientip.Config{Trusted: e.TrustedProxies, Header: clientip.Header(e.ForwardingHeader)}
	}
	deriver, err := clientip.New(cfg)
	if err != nil {
		return peer, err
	}
	header := map[string][]string{}
	if q.forwarded != "" {
		header[string(clientip.XForwardedFor)], header[string(clientip.Forwarded)] = []string{q.forwarded}, []string{q.forwarded}
	}
	var d clientip.Derivation
	deriver.Derive(peer, header, &d)
	answer.Derivation = d.Explain()
	return d.Address, nil
}

func parseAddress(flag, text string) (netip.Addr, error) {
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return netip.Addr{}, hinted{fmt.Errorf("%s %s: not an address", flag, text), "for example 203.0.113.7 or 2001:db8::7"}
	}
	return address.Unmap(), nil
}
