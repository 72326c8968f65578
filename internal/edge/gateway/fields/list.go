// Package fields is the header of a request or an answer as a list, in the order of the wire. It owns nothing else: what may stand in a
// field, and which fields pass, is decided by who reads and writes them.
package fields

import (
	"maps"
	"net/http"
	"slices"
)

// Field is one line of a header. Its name is in canonical form, as http.Header has its keys.
type Field struct{ Name, Value string }

// List is the fields of a request or an answer in the order of the wire. A map of them, made for one exchange and walked twice, would
// cost more than reading and writing them. The zero value has none. Not safe for concurrent use while it is changed.
type List []Field

// Writer is a ResponseWriter that takes the header of an answer as a list, in place of Header and WriteHeader.
type Writer interface {
	WriteList(status int, header List)
}

// Of is h as a list: by name, the values of a name in their order.
func Of(h http.Header) List {
	list := make(List, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			list = append(list, Field{name, value})
		}
	}
	return list
}

// Map is h as a map.
func (h List) Map() http.Header {
	made := make(http.Header, len(h))
	h.AddTo(made)
	return made
}

// AddTo adds the fields to a map. All values that are new there share one piece of memory.
func (h List) AddTo(m http.Header) {
	values := make([]string, len(h))
	for i, f := range h {
		if before, there := m[f.Name]; there {
			m[f.Name] = append(before, f.Value)
			continue
		}
		values[i] = f.Value
		m[f.Name] = values[i : i+1 : i+1]
	}
}

// Get is the first value of a field, empty where there is none.
func (h List) Get(name string) string {
	if i := h.index(name); i >= 0 {
		return h[i].Value
	}
	return ""
}

// Has reports whether there is such a field.
func (h List) Has(name string) bool { return h.index(name) >= 0 }

// Values are all values of a field, in their order.
func (h List) Values(name string) (values []string) {
	for _, f := range h {
		if f.Name == name {
			values = append(values, f.Value)
		}
	}
	return values
}

// Add appends a field.
func (h *List) Add(name, value string) { *h = append(*h, Field{name, value}) }

// Set makes value the only one of a field.
func (h *List) Set(name, value string) {
	i := h.index(name)
	if i < 0 {
		h.Add(name, value)
		return
	}
	(*h)[i].Value = value
	rest := (*h)[i+1:]
	*h = (*h)[:i+1+len(slices.DeleteFunc(rest, func(f Field) bool { return f.Name == name }))]
}

// Del takes a field out.
func (h *List) Del(name string) {
	if h.index(name) >= 0 {
		*h = slices.DeleteFunc(*h, func(f Field) bool { return f.Name == name })
	}
}

func (h List) index(name string) int {
	for i := range h {
		if h[i].Name == name {
			return i
		}
	}
	return -1
}
