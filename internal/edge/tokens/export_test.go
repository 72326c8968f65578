package tokens

// Parsed is a form as the fuzz tests compare it with other parsers; a missing key is an absent parameter.
type Parsed map[string]string

// ParseJSON and ParseXML read a body of a PUT. They return the detail of the fault, or empty.
func ParseJSON(body []byte) (Parsed, string) { return parsed(parseJSON(body, knownToPut)) }

func ParseXML(body []byte) (Parsed, string) { return parsed(parseXML(body, knownToPut)) }

func parsed(f form, bad *fault) (Parsed, string) {
	if bad != nil {
		return nil, bad.detail
	}
	p := Parsed{}
	for i, value := range f {
		if value != nil {
			p[parameterNames[i]] = string(value)
		}
	}
	return p, ""
}

// InQueue is how many attempts are under way or waiting, of all sources.
func (e *Exchange) InQueue() int { return e.queues.All() }
