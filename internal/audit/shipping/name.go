package shipping

import (
	"fmt"
	"strings"
)

// Part says which file of a node's record a stream is of.
type Part string

// The parts of a record.
const (
	Lines Part = "lines" // the segments
	Book  Part = "book"  // the signed checkpoints
)

// Stream is one growing thing of one node: the segments of its record, or the book of checkpoints of that record. A record that was
// begun anew is another stream.
type Stream struct {
	Node   string // see CheckNode
	Scope  string // environments of a server that serves some of them, as "production+sandbox"; empty: all
	Record string // id of the record: 32 lower-case hexadecimal digits
	Part   Part
}

// String names a stream for people: the node, and what tells its records apart.
func (s Stream) String() string {
	if s.Scope == "" {
		return s.Node + " record " + s.Record
	}
	return s.Node + " (" + s.Scope + ") record " + s.Record
}

// maxScope bounds a scope: it becomes the name of one folder, and file systems take 255 bytes.
const maxScope = 255

// Check refuses what cannot be a stream. Each of its texts becomes a part of a path. The error wraps ErrMalformed.
func (s Stream) Check() error {
	if err := CheckNode(s.Node); err != nil {
		return err
	}
	for name := range strings.SplitSeq(s.Scope, "+") {
		if s.Scope != "" && (len(name) > 32 || !made(name, "-") || name[0] == '-') {
			return fmt.Errorf("%w: %.80q names no environments", ErrMalformed, s.Scope)
		}
	}
	if len(s.Scope) > maxScope {
		return fmt.Errorf("%w: %.80q… names more environments than one folder's name holds", ErrMalformed, s.Scope)
	}
	if len(s.Record) != 32 || strings.Trim(s.Record, "0123456789abcdef") != "" {
		return fmt.Errorf("%w: %.80q is not the id of a record", ErrMalformed, s.Record)
	}
	if s.Part != Lines && s.Part != Book {
		return fmt.Errorf("%w: a record has no part %.80q", ErrMalformed, s.Part)
	}
	return nil
}

// CheckNode refuses what is not the name of a node: 1 to 63 of a-z, 0-9, point and hyphen, which begins and ends with a letter or
// digit, and has no two points in a row. It becomes a folder. The error wraps ErrMalformed.
func CheckNode(name string) error {
	if name == "" || len(name) > 63 || !made(name, ".-") || strings.Contains(name, "..") ||
		strings.Trim(name[:1]+name[len(name)-1:], ".-") != name[:1]+name[len(name)-1:] {
		return fmt.Errorf("%w: %.80q is not the name of a node: 1 to 63 of a-z, 0-9, point and hyphen, with a letter or digit at both ends",
			ErrMalformed, name)
	}
	return nil
}

// made reports whether a text is not empty and made of a-z, 0-9 and others alone.
func made(text, others string) bool {
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return text != ""
}

// allScope stands in paths for the scope of a server that serves every environment; no environment has an underscore.
const allScope = "_"

// Folder is the path of a stream below a root, in words that no stream of another name shares: NODE/SCOPE/RECORD. The stream must
// have passed Check.
func (s Stream) Folder() string {
	scope := s.Scope
	if scope == "" {
		scope = allScope
	}
	return s.Node + "/" + scope + "/" + s.Record
}

// ParseFolder reads a path as Folder writes it. The error wraps ErrMalformed.
func ParseFolder(path string, part Part) (Stream, error) {
	words := strings.Split(path, "/")
	if len(words) != 3 {
		return Stream{}, fmt.Errorf("%w: %.200q is not the folder of a stream", ErrMalformed, path)
	}
	s := Stream{Node: words[0], Scope: words[1], Record: words[2], Part: part}
	if s.Scope == "" {
		return Stream{}, fmt.Errorf("%w: %.200q is not the folder of a stream", ErrMalformed, path)
	}
	if s.Scope == allScope {
		s.Scope = ""
	}
	return s, s.Check()
}
