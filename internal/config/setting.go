package config

import "countersign.dev/internal/config/document"

// setting is one key of the file, bound to the field that it fills. The table of them is the one source of the decoder, the
// schema, the reference and what `config show` prints.
type setting struct {
	key       string
	about     string // for people: the reference and the schema
	example   string // of the value, as in the file; empty: the default is one
	required  bool
	initial   string // the default, as in the file; empty: none, or told by otherwise
	otherwise string // a default that depends on other settings, in words
	leaf      *leaf
	inner     *inner // beside a leaf: the value may be written either way
}

// leaf is a setting of one value.
type leaf struct {
	word, bounds string
	schema       map[string]any
	decode       func(n *document.Node) (message, hint string)
	show         func() string
}

// inner is a setting with others below it.
type inner struct {
	form    form
	least   int            // entries of a list or of names
	extra   map[string]any // more words of the schema for one element
	name    string         // what an entry of names is called, as in NAME
	item    func() element // bound to nothing that is kept: for the schema and the reference
	add     func(key string) element
	present func() []element
}

// form tells how what is below a setting is written.
type form uint8

const (
	object form = iota + 1 // always there, with its defaults
	option                 // there only if the file has it
	list
	names // a mapping with names that the operator chose
	texts // a list of single values
)

// element is one bound object, or for texts one bound value.
type element struct {
	name   string
	fields []setting
	leaf   *leaf
}

// value makes a setting of one value.
func value[T any](key string, at *T, f format[T], about string) setting {
	return setting{key: key, about: about, leaf: bind(at, f)}
}

func bind[T any](at *T, f format[T]) *leaf {
	return &leaf{word: f.word, bounds: f.bounds, schema: f.schema,
		decode: func(n *document.Node) (string, string) {
			v, message, hint := f.parse(n)
			if message == "" {
				*at = v
			}
			return message, hint
		},
		show: func() string { return f.show(*at) }}
}

func (s setting) need() setting                 { s.required = true; return s }
func (s setting) or(initial string) setting     { s.initial = initial; return s }
func (s setting) told(otherwise string) setting { s.otherwise = otherwise; return s }
func (s setting) like(example string) setting   { s.example = example; return s }

// section is an object that is always there.
func section[T any](key string, at *T, fields func(*T) []setting, about string) setting {
	bound := func() element { return element{fields: fields(at)} }
	return setting{key: key, about: about, inner: &inner{form: object,
		item:    func() element { return element{fields: fields(new(T))} },
		add:     func(string) element { return bound() },
		present: func() []element { return []element{bound()} }}}
}

// optional is an object that may be missing.
func optional[T any](key string, at **T, fields func(*T) []setting, about string) setting {
	return setting{key: key, about: about, inner: &inner{form: option,
		item: func() element { return element{fields: fields(new(T))} },
		add:  func(string) element { *at = new(T); return element{fields: fields(*at)} },
		present: func() []element {
			if *at == nil {
				return nil
			}
			return []element{{fields: fields(*at)}}
		}}}
}

// several is a list of objects.
func several[T any](key string, at *[]T, least int, fields func(*T) []setting, about string) setting {
	return setting{key: key, about: about, inner: &inner{form: list, least: least,
		item: func() element { return element{fields: fields(new(T))} },
		add: func(string) element {
			*at = append(*at, *new(T))
			return element{fields: fields(&(*at)[len(*at)-1])}
		},
		present: func() []element {
			var all []element
			for i := range *at {
				all = append(all, element{fields: fields(&(*at)[i])})
			}
			return all
		}}}
}

// named is a mapping of objects, each under a name of the operator's.
func named[T any](key, name string, at *[]T, nameOf func(*T) *string, fields func(*T) []setting, about string) setting {
	return setting{key: key, about: about, inner: &inner{form: names, least: 1, name: name,
		item: func() element { return element{name: name, fields: fields(new(T))} },
		add: func(key string) element {
			*at = append(*at, *new(T))
			last := &(*at)[len(*at)-1]
			*nameOf(last) = key
			return element{name: key, fields: fields(last)}
		},
		present: func() []element {
			var all []element
			for i := range *at {
				all = append(all, element{name: *nameOf(&(*at)[i]), fields: fields(&(*at)[i])})
			}
			return all
		}}}
}

// lines is a list of single values.
func lines[T any](key string, at *[]T, least int, f format[T], about string) setting {
	return setting{key: key, about: about, inner: &inner{form: texts, least: least,
		item: func() element { return element{leaf: bind(new(T), f)} },
		add: func(string) element {
			*at = append(*at, *new(T))
			return element{leaf: bind(&(*at)[len(*at)-1], f)}
		},
		present: func() []element {
			var all []element
			for i := range *at {
				all = append(all, element{leaf: bind(&(*at)[i], f)})
			}
			return all
		}}}
}

// with adds words to the schema of the setting's elements.
func (s setting) with(extra map[string]any) setting {
	s.inner.extra = extra
	return s
}
