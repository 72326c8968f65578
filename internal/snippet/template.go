package snippet

import (
	"strings"

	"countersign.dev/scheme"
)

// template is what stands on the wire for a template that the profile's compiler has accepted: text, captures in braces, and
// groups such as {b64:{key_id}:{sig}}.
func (l *lowering) template(text string) ([]node, error) {
	var out []node
	for rest := text; rest != ""; {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			open = len(rest)
		}
		out = append(out, node{kind: lit, text: rest[:open]})
		if rest = rest[open:]; rest == "" {
			break
		}
		end := closing(rest)
		nodes, err := l.capture(rest[1:end])
		if err != nil {
			return nil, err
		}
		out = append(out, nodes...)
		rest = rest[end+1:]
	}
	return merged(out), nil
}

// closing is the place of the brace that closes the first one.
func closing(text string) int {
	level := 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			level++
		case '}':
			if level--; level == 0 {
				return i
			}
		}
	}
	return len(text) - 1
}

func (l *lowering) capture(inner string) ([]node, error) {
	group, rest, is := strings.Cut(inner, ":")
	switch {
	case inner == "sig" || inner == "ts" || inner == "nonce" || inner == "key_id":
		return []node{{kind: name, text: inner}}, nil
	case !is:
		return l.variable(scheme.Expr{Kind: scheme.VarName, Text: inner})
	}
	args, err := l.template(rest)
	if err != nil {
		return nil, err
	}
	switch group {
	case "b64":
		return []node{{kind: b64, args: args}}, nil
	case "b64url":
		return []node{{kind: b64, url: true, args: args}}, nil
	case "hex":
		return []node{{kind: hex, args: args}}, nil
	case "pct":
		return []node{{kind: pct, args: args}}, nil
	}
	return nil, beyond("{%s:…} on the wire", group)
}
