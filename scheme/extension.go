package scheme

// Bounds on one evaluation: a request is untrusted, and so is a profile.
const (
	maxParams = 1000
	maxOutput = 16 << 20 // bytes beside the body
	maxSteps  = 20000    // nodes evaluated
)

// extension is the working memory that only schemes of language 2 need.
type extension struct {
	scheme *Scheme
	key    *Key
	vars   []varState
	query  paramSet
	form   paramSet
	json   *jsonValue
	read   bool // json holds the body
	steps  int
}

type varState struct {
	text  string
	known bool
	busy  bool
}

// paramSet is a query or a form taken apart, once for each evaluation.
type paramSet struct {
	list []param
	read bool
}

// The faults of evaluation; shared and read-only.
var (
	faultLarge  = &Fault{Kind: FaultMalformed, Detail: "the signed text would be too long"}
	faultEscape = &Fault{FaultMalformed, "query", "has a percent sign without two hexadecimal digits"}
	faultForm   = &Fault{FaultMalformed, "body", "is not a form"}
	faultJSON   = &Fault{FaultMalformed, "body", "is not one JSON value without doubled names, at most 32 levels deep"}
	faultMany   = &Fault{FaultMalformed, "query", "has too many parameters"}
)

func (x *extension) reset() {
	x.key, x.json, x.read, x.steps = nil, nil, false, 0
	x.query, x.form = paramSet{}, paramSet{}
	clear(x.vars)
}

// value evaluates a list of nodes to a text of its own.
func (c *scratch) value(list []node, r *Request, p *Presented) string {
	if len(list) == 1 && list[0].op == opLiteral {
		return string(list[0].lit)
	}
	start := len(c.buf)
	for i := range list {
		c.part(&list[i], r, p)
	}
	out := string(c.buf[start:])
	c.buf = c.buf[:start]
	return out
}

// step counts the work and bounds the output.
func (c *scratch) step(r *Request) bool {
	if c.ext.steps++; c.ext.steps > maxSteps || len(c.buf) > maxOutput+4*bodyLen(r) {
		c.fail(faultLarge)
		return false
	}
	return c.fault == nil
}

func bodyLen(r *Request) int {
	if r == nil {
		return 0
	}
	return len(r.Body)
}

// fail keeps the first fault.
func (c *scratch) fail(f *Fault) {
	if c.fault == nil {
		c.fault = f
	}
}

// part2 appends a node of language 2.
func (c *scratch) part2(n *node, r *Request, p *Presented) {
	if !c.step(r) {
		return
	}
	switch n.op {
	case opVar:
		c.buf = append(c.buf, c.variable(n.index, r, p)...)
	case opSecretPart:
		if c.ext.key != nil && c.ext.key.raw != nil && n.index < len(c.ext.key.raw.parts) {
			c.buf = append(c.buf, c.ext.key.raw.parts[n.index]...)
		}
	case opHostname:
		name, _ := splitHost(r)
		c.buf = append(c.buf, name...)
	case opPort:
		_, port := splitHost(r)
		c.buf = append(c.buf, port...)
	case opCall:
		c.call2(n, r, p)
	}
}

// splitHost is the host without and the port with its default.
func splitHost(r *Request) (name, port string) {
	name = r.Host
	for i := len(name) - 1; i >= 0 && name[i] != ']'; i-- {
		if name[i] == ':' {
			return name[:i], name[i+1:]
		}
	}
	if r.Scheme == "http" {
		return name, "80"
	}
	return name, "443"
}

// variable is the value of a variable: computed once for each evaluation, or what the wire, the request or the caller gave.
func (c *scratch) variable(i int, r *Request, p *Presented) string {
	state := &c.ext.vars[i]
	v := &c.ext.scheme.vars[i]
	switch {
	case state.known:
		return state.text
	case len(v.value) > 0 && !state.busy:
		state.busy = true
		text := c.value(v.value, r, p)
		state.text, state.known, state.busy = text, true, false
		return text
	case p != nil && i < len(p.vars):
		return p.vars[i]
	}
	return ""
}

// call2 replaces the bytes of a function's arguments by its result.
func (c *scratch) call2(n *node, r *Request, p *Presented) {
	switch n.fn.id {
	case fnField:
		c.fieldValue(n, r, p)
	case fnParams:
		c.paramList(n.params, r, p)
	case fnHeaders:
		c.headerList(n.list, r, p)
	case fnOr:
		for i := range n.many {
			if text := c.value(n.many[i], r, p); text != "" || i == len(n.many)-1 {
				c.buf = append(c.buf, text...)
				return
			}
		}
	case fnWhen:
		c.when(n, r, p)
	case fnEq, fnIn, fnNot:
		if c.holds(n, r, p) {
			c.buf = append(c.buf, '1')
		}
	case fnHMAC, fnChain:
		c.keyedHash(n, r, p)
	case fnDate:
		c.buf = appendDate(c.buf, n.text, p)
	case fnHead:
		c.head(n, r, p)
	default:
		c.buf = c.textFunction(n, c.buf, c.value(n.many[0], r, p))
	}
}

func (c *scratch) when(n *node, r *Request, p *Presented) {
	branch := 1
	if c.empty(n.many[0], r, p) {
		branch = 2
	}
	if branch < len(n.many) {
		for i := range n.many[branch] {
			c.part(&n.many[branch][i], r, p)
		}
	}
}

// empty says whether a condition is empty, without a copy of the body.
func (c *scratch) empty(list []node, r *Request, p *Presented) bool {
	if len(list) == 1 && list[0].op == opBody {
		return len(r.Body) == 0
	}
	return c.value(list, r, p) == ""
}

func (c *scratch) holds(n *node, r *Request, p *Presented) bool {
	first := c.value(n.many[0], r, p)
	if n.fn.id == fnNot {
		return first == ""
	}
	for _, other := range n.many[1:] {
		if c.value(other, r, p) == first {
			return true
		}
	}
	return false
}

// head appends the first bytes of a value. Of the body it copies no more than these.
func (c *scratch) head(n *node, r *Request, p *Presented) {
	if len(n.args) == 1 && n.args[0].op == opBody {
		c.buf = append(c.buf, r.Body[:min(n.to, len(r.Body))]...)
		return
	}
	start := len(c.buf)
	for i := range n.args {
		c.part(&n.args[i], r, p)
	}
	c.buf = c.buf[:min(len(c.buf), start+n.to)]
}
