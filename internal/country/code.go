package country

import "github.com/oschwald/maxminddb-golang/v2"

// letters holds every code from AA to ZZ, so that an answer needs no memory of
// its own.
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

var codes = makeCodes()

func makeCodes() (codes [26 * 26]string) {
	for i := range codes {
		codes[i] = string([]byte{letters[i/26], letters[i%26]})
	}
	return codes
}

// code reads country.iso_code of one entry.
func (t *Table) code(result maxminddb.Result) (string, bool) {
	text := t.texts.Get().(*string)
	defer t.texts.Put(text)
	*text = ""
	if err := result.DecodePath(text, "country", "iso_code"); err != nil {
		return "", false
	}
	return canonical(*text)
}

// canonical brings a code into upper case and refuses what names no country.
func canonical(text string) (string, bool) {
	if len(text) != 2 {
		return "", false
	}
	first, second := text[0]&^0x20-'A', text[1]&^0x20-'A'
	if first > 25 || second > 25 {
		return "", false
	}
	switch iso := codes[int(first)*26+int(second)]; iso {
	case "XX", "ZZ":
		return "", false
	default:
		return iso, true
	}
}
