package config

import (
	"slices"
	"strconv"
)

// Difference is one setting that two configurations do not have in common. Before or After is empty where it is missing.
type Difference struct {
	Path          string // as in "environments.production.listeners[0].address"
	Before, After string // as in the file
}

// String is one line.
func (d Difference) String() string {
	switch {
	case d.Before == "":
		return "+ " + d.Path + ": " + d.After
	case d.After == "":
		return "- " + d.Path + ": " + d.Before
	}
	return "~ " + d.Path + ": " + d.Before + " -> " + d.After
}

// Differences compares what counts, sorted by path.
func Differences(before, after *Config) []Difference {
	was, is := before.flat(), after.flat()
	var all []Difference
	for path, text := range was {
		if is[path] != text {
			all = append(all, Difference{path, text, is[path]})
		}
	}
	for path, text := range is {
		if _, known := was[path]; !known {
			all = append(all, Difference{path, "", text})
		}
	}
	slices.SortFunc(all, func(a, b Difference) int {
		if a.Path < b.Path {
			return -1
		}
		return 1
	})
	return all
}

// flat is every single value by its path.
func (c *Config) flat() map[string]string {
	all := map[string]string{}
	flatten(all, new(decoder).settings(c), "")
	return all
}

func flatten(all map[string]string, fields []setting, path string) {
	for _, s := range fields {
		at := join(path, s.key)
		if s.inner == nil {
			if text := s.leaf.show(); text != "" {
				all[at] = scalar(s.leaf, text)
			}
			continue
		}
		for i, e := range s.inner.present() {
			here := at
			switch s.inner.form {
			case names:
				here = join(at, e.name)
			case list, texts:
				here += "[" + strconv.Itoa(i) + "]"
			}
			if e.leaf != nil {
				all[here] = scalar(e.leaf, e.leaf.show())
			}
			flatten(all, e.fields, here)
		}
	}
}
