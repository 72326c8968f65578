package rollup

import (
	"net/netip"

	"countersign.dev/internal/audit/search"
)

// known holds names and addresses that came before, so that those which come again cost no memory. The zero value remembers
// nothing; newKnown makes one that does.
type known struct {
	names     map[string]string
	addresses map[string]netip.Addr
}

func newKnown() *known {
	return &known{names: map[string]string{}, addresses: map[string]netip.Addr{}}
}

// name is text as it is counted, cut where it is too long.
func (k *known) name(text []byte) string {
	if name, ok := k.names[string(text)]; ok {
		return name
	}
	name := short(text)
	if k.names != nil && len(k.names) < maxKeys && len(name) == len(text) {
		k.names[name] = name
	}
	return name
}

// spelling is text as it is spelt; empty where it is too long to come again.
func (k *known) spelling(text []byte) string {
	if name := k.name(text); len(name) == len(text) {
		return name
	}
	return ""
}

// address is l's address; the zero value where it has none.
func (k *known) address(l *search.Line) netip.Addr {
	if a, ok := k.addresses[string(l.Address)]; ok {
		return a
	}
	a := l.IP()
	if k.addresses != nil && len(k.addresses) < maxKeys && len(l.Address) <= maxName {
		k.addresses[string(l.Address)] = a
	}
	return a
}
