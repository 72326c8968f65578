package scheme

// The functions that language 2 adds.
const (
	fnOr funcID = iota + 64
	fnOpt
	fnWhen
	fnEq
	fnIn
	fnNot
	fnField
	fnParams
	fnParam
	fnHeaders
	fnHMAC
	fnChain
	fnSlice
	fnHead
	fnTail
	fnDate
	fnStripWS
	fnTrim
	fnSqueeze
	fnReplace
	fnBefore
	fnAfter
	fnTrimSuffix
	fnStripPrefix
	fnUnpct
	fnNormalize
	fnCompact
	fnDecimal
	fnNumber
	fnLen
	fnRemove
)

// functionNames2 lists them, for the "did you mean" of errors.
var functionNames2 = []string{"or", "opt", "when", "eq", "in", "not", "q", "f", "j", "h", "params", "param", "headers", "hmac", "chain", "slice", "head", "tail",
	"date", "strip_ws", "trim", "squeeze", "replace", "before", "after", "trim_suffix", "strip_prefix", "unpct", "normalize", "compact", "decimal", "len", "remove"}

// functionOf2 is functionOf for language 2.
func functionOf2(name string) (function, bool) {
	f := func(id funcID, least, most int) (function, bool) {
		return function{id: id, least: least, most: most, two: true}, true
	}
	switch name {
	case "or":
		return f(fnOr, 2, maxParts)
	case "opt":
		return f(fnOpt, 1, 1)
	case "when":
		return f(fnWhen, 2, 3)
	case "eq":
		return f(fnEq, 2, 2)
	case "in":
		return f(fnIn, 2, maxParts)
	case "not":
		return f(fnNot, 1, 1)
	case "q", "f", "h":
		return f(fnField, 1, 1)
	case "j":
		return f(fnField, 1, 2)
	case "params":
		return f(fnParams, 1, maxParts)
	case "param":
		return f(fnParam, 2, 2)
	case "headers":
		return f(fnHeaders, 1, 1)
	case "hmac":
		return f(fnHMAC, 2, 2)
	case "chain":
		return f(fnChain, 2, 16)
	case "slice":
		return f(fnSlice, 2, 3)
	case "head":
		return f(fnHead, 2, 2)
	case "tail":
		return f(fnTail, 2, 2)
	case "date":
		return f(fnDate, 2, 2)
	}
	return textFunctionOf(name)
}

func textFunctionOf(name string) (function, bool) {
	f := func(id funcID, arguments int) (function, bool) {
		return function{id: id, least: arguments, most: arguments, two: true}, true
	}
	switch name {
	case "strip_ws":
		return f(fnStripWS, 1)
	case "trim":
		return f(fnTrim, 1)
	case "squeeze":
		return f(fnSqueeze, 1)
	case "replace":
		return f(fnReplace, 3)
	case "remove":
		return f(fnRemove, 2)
	case "before":
		return f(fnBefore, 2)
	case "after":
		return f(fnAfter, 2)
	case "trim_suffix":
		return f(fnTrimSuffix, 2)
	case "strip_prefix":
		return f(fnStripPrefix, 2)
	case "unpct":
		return f(fnUnpct, 1)
	case "normalize":
		return f(fnNormalize, 1)
	case "compact":
		return f(fnCompact, 1)
	case "decimal":
		return f(fnDecimal, 1)
	case "len":
		return f(fnLen, 1)
	}
	return function{}, false
}

// choices lists the values of an option; nil means that it takes an expression of text and secrets, or a list in a text.
var (
	encodings  = []string{"rfc3986", "form", "quote_plus", "php", "js", "raw", "none"}
	sortings   = []string{"none", "key", "key_ci", "pair", "value", "joined", "joined_ci", "natural"}
	repetition = []string{"keep", "join", "dedup", "first", "last", "refuse"}
	showing    = []string{"pairs", "values", "keys"}
	letterCase = []string{"keep", "lower", "upper"}
	absence    = []string{"refuse", "skip", "empty"}
	yesOrNo    = []string{"0", "1"}
	hashNames  = []string{"md5", "sha1", "sha256", "sha384", "sha512"}
)
