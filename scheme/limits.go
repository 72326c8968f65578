package scheme

// Bounds on what a message can cost: a profile is untrusted input, and nested encodings would double their argument at every level.
const (
	maxGrowth = 16 // times that encodings may lengthen a value
	maxBodies = 4  // times that the body may be read
)

// limit refuses expressions whose evaluation is out of proportion to the request.
func limit(field string, parts []node) error {
	bad := func(message, hint string) error { return &CompileError{Field: field, Message: message, Hint: hint} }
	if growth(parts) > maxGrowth {
		return bad("nested encodings make a value too long", "at most 16 times its length")
	}
	if count(parts, opBody) > maxBodies {
		return bad("the body is used too often", "at most 4 times")
	}
	if held(parts) > 1 {
		return bad("the body is held in memory more than once", "encode its digest, or encode it once")
	}
	return nil
}

// growth is the most that any value in parts is lengthened on its way. It stops counting above maxGrowth.
func growth(parts []node) int {
	most := 1
	for i := range parts {
		if parts[i].op == opCall {
			most = max(most, min(growth(parts[i].args)*factor(parts[i].fn.id), maxGrowth+1))
		}
	}
	return most
}

func factor(id funcID) int {
	switch id {
	case fnHex, fnB64, fnB64URL:
		return 2
	case fnPct:
		return 3
	}
	return 1
}

// held counts the places where the body stands inside a function that is no digest.
func held(parts []node) (n int) {
	for i := range parts {
		if parts[i].op != opCall {
			continue
		}
		if parts[i].fn.digest > 0 {
			n += held(parts[i].args)
			continue
		}
		n += directly(&parts[i]) + held(parts[i].args)
	}
	return n
}

// directly counts the bodies among a function's arguments. A condition only looks whether there is one, and head takes no more than its length.
func directly(call *node) (n int) {
	args := call.args
	switch call.fn.id {
	case fnHead:
		return 0
	case fnWhen:
		args = args[len(call.many[0]):]
	}
	for i := range args {
		if args[i].op == opBody {
			n++
		}
	}
	return n
}
