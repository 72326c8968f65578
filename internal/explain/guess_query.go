package explain

import (
	"net/url"
	"slices"
	"sort"
	"strings"
)

// maxPermuted is how many parameters are put into every order.
const maxPermuted = 5

// queries are changes of the query. A parameter that carries the signature keeps its place at the end.
func queries(x *search, a *attempt) []*change {
	_, query, has := strings.Cut(a.r.Target, "?")
	const exact = "sign the query exactly as it stands on the request line: same order, same escapes"
	var out []*change
	set := func(name, what string, deep bool, to string) {
		out = append(out, &change{step: Step{"query", name, what, exact}, deep: deep, apply: func(a *attempt) bool {
			path, before, _ := strings.Cut(a.r.Target, "?")
			a.r.Target = path + to
			return "?"+before != to
		}})
	}
	if !has {
		set("mark-added", "a question mark without a query was signed", true, "?")
		return out
	}
	items, own := x.splitQuery(query)
	mine := strings.Join(items, "&")
	joined := func(list []string) string {
		all := append(slices.Clone(list), own...)
		if len(all) == 0 {
			return ""
		}
		return "?" + strings.Join(all, "&")
	}
	each := func(f func(string) string) []string { return []string{f(mine)} }
	set("dropped", "the query was not signed", true, joined(nil))
	set("sorted", "the parameters of the query were sorted by name before they were signed", true, joined(sortedBy(items, paramName)))
	set("sorted-whole", "the parameters of the query were sorted as texts before they were signed", true, joined(sortedBy(items, func(s string) string { return s })))
	set("plus-to-20", "spaces in the query were signed as %20, and sent as +", true, joined(each(func(s string) string { return strings.ReplaceAll(s, "+", "%20") })))
	set("20-to-plus", "spaces in the query were signed as +, and sent as %20", true, joined(each(func(s string) string { return strings.ReplaceAll(s, "%20", "+") })))
	set("decoded", "the query was percent-decoded before it was signed", true, joined(each(unescape)))
	set("decoded-form", "the query was decoded as a form before it was signed", true, joined(each(formDecode)))
	set("encoded-form", "the query was encoded anew, as a form, before it was signed", true, joined(mapItems(items, url.QueryEscape)))
	set("encoded-strict", "the query was encoded anew, strictly, before it was signed", true, joined(mapItems(items, escapeStrict)))
	set("encoded-sorted", "the parameters were sorted and encoded anew before they were signed", true, joined(mapItems(sortedBy(items, paramName), escapeStrict)))
	set("encoded-again", "the query was percent-encoded once more before it was signed", true, joined(each(func(s string) string { return strings.ReplaceAll(s, "%", "%25") })))
	set("lower-escapes", "percent escapes of the query were signed in lower case", true, joined(each(func(s string) string { return mapEscapes(s, strings.ToLower) })))
	set("upper-escapes", "percent escapes of the query were signed in upper case", true, joined(each(func(s string) string { return mapEscapes(s, strings.ToUpper) })))
	set("no-mark", "the query was signed without the question mark in front", true, strings.TrimPrefix(joined(items), "?"))
	set("mark-only", "only the question mark of the query was signed", true, "?")
	set("no-empty", "parameters without a value were not signed", true, joined(slices.DeleteFunc(slices.Clone(items), isEmptyParam)))
	set("with-equals", "parameters without = were signed with one", true, joined(mapEach(items, withEquals)))
	for i, item := range items {
		set("one-dropped", "the parameter "+Visible([]byte(paramName(item)), true)+" was not signed", len(items) <= 4, joined(slices.Delete(slices.Clone(items), i, i+1)))
	}
	orders(items, func(list []string) {
		set("reordered", "the parameters of the query were signed in another order: "+names(list), false, joined(list))
	})
	return out
}

// splitQuery takes the parameters apart; own are those at the end that carry the signature.
func (x *search) splitQuery(query string) (items, own []string) {
	items = strings.Split(query, "&")
	for _, w := range x.def.WireQuery {
		if !strings.Contains(w.Template, "{sig}") {
			continue
		}
		for i := len(items) - 1; i >= 0; i-- {
			if paramName(items[i]) == w.Name {
				own = append(own, items[i])
				items = slices.Delete(items, i, i+1)
			}
		}
	}
	return items, own
}

func paramName(item string) string {
	name, _, _ := strings.Cut(item, "=")
	return name
}

func isEmptyParam(item string) bool {
	_, value, _ := strings.Cut(item, "=")
	return value == ""
}

func withEquals(item string) string {
	if strings.Contains(item, "=") {
		return item
	}
	return item + "="
}

func names(items []string) string {
	list := mapEach(items, paramName)
	return Visible([]byte(strings.Join(list, ", ")), true)
}

func sortedBy(items []string, key func(string) string) []string {
	out := slices.Clone(items)
	sort.SliceStable(out, func(i, j int) bool { return key(out[i]) < key(out[j]) })
	return out
}

func mapEach(items []string, f func(string) string) []string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = f(item)
	}
	return out
}

// mapItems decodes names and values and encodes them with f.
func mapItems(items []string, f func(string) string) []string {
	return mapEach(items, func(item string) string {
		name, value, has := strings.Cut(item, "=")
		name = f(formDecode(name))
		if !has {
			return name
		}
		return name + "=" + f(formDecode(value))
	})
}

func formDecode(s string) string {
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	return s
}

func escapeStrict(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// orders gives every order of a few items but the first one, and the reverse of many.
func orders(items []string, give func([]string)) {
	if len(items) < 2 {
		return
	}
	if len(items) > maxPermuted {
		reversed := slices.Clone(items)
		slices.Reverse(reversed)
		give(reversed)
		return
	}
	permute(slices.Clone(items), 0, func(list []string) {
		if !slices.Equal(list, items) {
			give(slices.Clone(list))
		}
	})
}

// permute gives every order of list[k:].
func permute[T any](list []T, k int, give func([]T)) {
	if k == len(list) {
		give(list)
		return
	}
	for i := k; i < len(list); i++ {
		list[k], list[i] = list[i], list[k]
		permute(list, k+1, give)
		list[k], list[i] = list[i], list[k]
	}
}
