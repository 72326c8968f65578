package registry

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
)

// Bounds of what is looked up for one proposal.
const (
	maxNamed       = 20
	maxNamedParams = 64 << 10
)

// rowIDLength is that of every id: three letters, an underscore and 26 characters.
const rowIDLength = 30

// names says what the ids in a proposal stand for now: an approver decides about a partner, a login or a network, and not about an
// id. What is gone has no name.
func names(tx Tx, p Proposal, accounts []operator.Account) (map[string]string, error) {
	ids := idsIn(p.Operation.Params)
	if p.Operation.PartnerID != "" {
		ids = append([]string{p.Operation.PartnerID}, ids...)
	}
	named := map[string]string{}
	for _, id := range ids[:min(len(ids), maxNamed)] {
		name, err := nameOf(tx, id, accounts)
		if err != nil {
			return nil, err
		}
		if name != "" {
			named[id] = name
		}
	}
	return named, nil
}

// nameOf is what people call a row; empty: there is none.
func nameOf(tx Tx, id string, accounts []operator.Account) (string, error) {
	kind, _, _ := strings.Cut(id, "_")
	switch kind {
	case "ptn":
		p, _, err := tx.Partner(id)
		return p.Name, err
	case "crd":
		c, found, err := tx.Credential(id)
		if !found || err != nil {
			return "", err
		}
		return strings.ReplaceAll(string(c.Kind), "_", " ") + ", key id " + c.KeyID, nil
	case "net":
		rule, found, err := tx.Network(id)
		if !found || err != nil {
			return "", err
		}
		return ruleText(rule), nil
	case "lim":
		limit, found, err := tx.Limit(id)
		if !found || err != nil {
			return "", err
		}
		return limitText(limit), nil
	case "opr":
		if i := slices.IndexFunc(accounts, func(a operator.Account) bool { return a.ID == id }); i >= 0 {
			return describeAccount(accounts[i]), nil
		}
	}
	return documentName(tx, kind, id)
}

// documentName is the name of a row that is a document.
func documentName(tx Tx, kind, id string) (name string, err error) {
	switch kind {
	case "svc":
		var s operator.ServiceAccount
		s, err = serviceNoun.get(tx, id)
		name = s.Name
	case "bgl":
		var b operator.BreakGlassCode
		b, err = breakGlassNoun.get(tx, id)
		name = b.Name
	case "mbr":
		var a operator.Account
		a, err = memberNoun.get(tx, id)
		name = a.Login
	case "whe":
		var e partner.Endpoint
		if e, err = endpointNoun.get(tx, id); err == nil {
			name = endpointText(e)
		}
	}
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return name, err
}

// idsIn are the values of parameters that look like ids, sorted, each once.
func idsIn(params json.RawMessage) (ids []string) {
	var value any
	if len(params) > maxNamedParams || json.Unmarshal(params, &value) != nil {
		return nil
	}
	walk(value, func(text string) {
		if len(text) == rowIDLength && text[3] == '_' && !slices.Contains(ids, text) {
			ids = append(ids, text)
		}
	})
	slices.Sort(ids)
	return ids
}

// walk visits every text of a decoded value.
func walk(value any, visit func(string)) {
	switch v := value.(type) {
	case string:
		visit(v)
	case []any:
		for _, one := range v {
			walk(one, visit)
		}
	case map[string]any:
		for _, one := range v {
			walk(one, visit)
		}
	}
}
