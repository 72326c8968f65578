package scheme

// byteSet is a set of byte values: the alphabet of a part.
type byteSet [4]uint64

func setOf(text string) byteSet {
	var s byteSet
	for i := 0; i < len(text); i++ {
		s.add(text[i])
	}
	return s
}

func setRange(low, high byte) byteSet {
	var s byteSet
	for b := int(low); b <= int(high); b++ {
		s.add(byte(b))
	}
	return s
}

// charClass reads a list of characters with ranges, such as A-Za-z0-9_-. A hyphen at either end is itself.
func charClass(list string) (s byteSet, ok bool) {
	for i := 0; i < len(list); i++ {
		if i+2 < len(list) && list[i+1] == '-' {
			if list[i] > list[i+2] {
				return s, false
			}
			s = s.union(setRange(list[i], list[i+2]))
			i += 2
			continue
		}
		s.add(list[i])
	}
	return s, len(list) > 0 && len(list) <= 128
}

func (s *byteSet) add(b byte)      { s[b>>6] |= 1 << (b & 63) }
func (s *byteSet) has(b byte) bool { return s[b>>6]&(1<<(b&63)) != 0 }

func (s byteSet) union(t byteSet) byteSet {
	for i := range s {
		s[i] |= t[i]
	}
	return s
}

func (s byteSet) minus(t byteSet) byteSet {
	for i := range s {
		s[i] &^= t[i]
	}
	return s
}

func (s byteSet) meets(t byteSet) bool {
	for i := range s {
		if s[i]&t[i] != 0 {
			return true
		}
	}
	return false
}

// mapped is the set of f(b) for every b in s.
func (s byteSet) mapped(f func(byte) byte) byteSet {
	var out byteSet
	for b := range 256 {
		if s.has(byte(b)) {
			out.add(f(byte(b)))
		}
	}
	return out
}

// all says whether every byte of text is in s.
func (s *byteSet) all(text string) bool {
	for i := 0; i < len(text); i++ {
		if !s.has(text[i]) {
			return false
		}
	}
	return true
}

// The alphabets of the language.
var (
	anyByte    = setRange(0, 255)
	digitSet   = setRange('0', '9')
	upperSet   = setRange('A', 'Z')
	lowerSet   = setRange('a', 'z')
	alnumSet   = digitSet.union(upperSet).union(lowerSet)
	hexLower   = digitSet.union(setOf("abcdef"))
	base64Set  = alnumSet.union(setOf("+/="))
	base64URL  = alnumSet.union(setOf("-_="))
	unreserved = alnumSet.union(setOf("-._~"))
	// strictTarget is what RFC 3986 allows in a path and a query; the percent sign stands for its escapes.
	strictTarget = unreserved.union(setOf("%!$&'()*+,;=:@/?"))
	// looseTarget is every visible ASCII character: enough where a separator that is not one of them follows.
	looseTarget = setRange(0x21, 0x7e)
	nameSet     = alnumSet.union(setOf("-_"))
	tokenSet    = alnumSet.union(setOf("!#$%&'*+-.^_`|~")) // what a header name may hold (RFC 9110 §5.6.2)
	hostSet     = alnumSet.union(setOf("-._:[]"))
	keyIDSet    = unreserved.union(setOf("+/=@:"))
	dateSet     = alnumSet.union(setOf(" ,:+.-"))
	headerSet   = setRange(0x20, 0x7e).union(setRange(0x80, 0xff)).union(setOf("\t"))
)

// shape is what is known of a part before any request has come: its length, its bytes, and the bytes it can begin with.
type shape struct {
	min, max   int // max < 0: unbounded
	any, first byteSet
	ends       bool // no value is the beginning of another one: where it begins, one can see where it ends
}

func fixed(n int, set byteSet) shape { return shape{min: n, max: n, any: set, first: set} }
func between(low, high int, set byteSet) shape {
	return shape{min: low, max: high, any: set, first: set}
}
func (s shape) isFixed() bool  { return s.min == s.max }
func (s shape) isClosed() bool { return s.isFixed() || s.ends }

// chain is the shape of s followed by t.
func (s shape) chain(t shape) shape {
	out := shape{min: s.min + t.min, max: s.max + t.max, any: s.any.union(t.any), first: s.first}
	if s.max < 0 || t.max < 0 {
		out.max = -1
	}
	if s.min == 0 {
		out.first = s.first.union(t.first)
	}
	return out
}
