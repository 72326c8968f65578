package search

import (
	"encoding/binary"
	"slices"
	"strings"
)

// column is a field that has a dictionary and a row of numbers in a part.
type column int

const (
	byEnvironment column = iota
	byAPI
	byPartner
	byCredential
	byReason
	byAddress
	columnCount
)

// gathering is a column in the making: numbers in the order in which values came.
type gathering struct {
	numbers map[string]uint16
	values  []string
	rows    []uint16
	last    uint16             // the number of the last row
	recent  [recentSpan]uint16 // a number that a value may have, by its mix: most come again soon
}

const recentSpan = 1 << 13

// add numbers a value: the last one again, or one that came lately, or one that is looked up.
func (g *gathering) add(value []byte) {
	if int(g.last) >= len(g.values) || g.values[g.last] != string(value) {
		place := &g.recent[mix(value)%recentSpan]
		if n := *place; int(n) < len(g.values) && g.values[n] == string(value) {
			g.last = n
		} else {
			g.last = g.number(value)
			*place = g.last
		}
	}
	g.rows = append(g.rows, g.last)
}

// number looks a value up, or gives it a number. No part has more values than rows.
func (g *gathering) number(value []byte) uint16 {
	n, ok := g.numbers[string(value)]
	if !ok {
		n = uint16(len(g.values))
		text := string(value)
		g.numbers[text] = n
		g.values = append(g.values, text)
	}
	return n
}

// mix spreads a short text over 64 bits by its ends. It guards nothing: texts that meet cost one more look.
func mix(text []byte) uint64 {
	const spread = 0x9e3779b97f4a7c15
	h := uint64(len(text))
	if len(text) >= 8 {
		le := binary.LittleEndian
		h = (h^le.Uint64(text))*spread ^ le.Uint64(text[len(text)-8:])
	} else {
		for _, c := range text {
			h = h<<8 ^ uint64(c)
		}
	}
	h *= spread
	return h ^ h>>32
}

// sorted gives the dictionary in order, and what number there each number of a row has become. key turns a value into what it is
// sorted by.
func (g *gathering) sorted(key func(string) string) (values []string, renumbered []uint16) {
	keys, order := make([]string, len(g.values)), make([]uint16, len(g.values))
	for i, v := range g.values {
		keys[i], order[i] = key(v), uint16(i)
	}
	slices.SortFunc(order, func(a, b uint16) int { return strings.Compare(keys[a], keys[b]) })
	renumbered = make([]uint16, len(keys))
	for _, n := range order {
		if len(values) == 0 || values[len(values)-1] != keys[n] {
			values = append(values, keys[n])
		}
		renumbered[n] = uint16(len(values) - 1)
	}
	return values, renumbered
}

// key is what the values of c are sorted by.
func (c column) key(value string) string {
	if c != byAddress {
		return value
	}
	l := Line{Address: []byte(value)}
	if a := l.IP(); a.IsValid() {
		return addressKey(a)
	}
	return ""
}
