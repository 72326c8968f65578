package tokens_test

import (
	"encoding/json"
	"strings"
	"testing"

	"countersign.dev/internal/edge/tokens"
	"github.com/google/go-cmp/cmp"
)

// parseCase is one line of a parser's policy: what a body says, or why it is refused.
type parseCase struct {
	name, body string
	want       tokens.Parsed
	refused    string // part of the detail; empty: taken
}

func takes(name, body string, pairs ...string) parseCase {
	want := tokens.Parsed{}
	for i := 0; i+1 < len(pairs); i += 2 {
		want[pairs[i]] = pairs[i+1]
	}
	return parseCase{name, body, want, ""}
}

func refuses(name, body, detail string) parseCase { return parseCase{name, body, nil, detail} }

func runParser(t *testing.T, parse func([]byte) (tokens.Parsed, string), cases []parseCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, detail := parse([]byte(c.body))
			if c.refused == "" && detail != "" || c.refused != "" && !strings.Contains(detail, c.refused) {
				t.Fatalf("%q: detail %q, want %q", c.body, detail, c.refused)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Fatalf("%q: %s", c.body, diff)
			}
		})
	}
}

var jsonCases = []parseCase{
	takes("both", `{"partnerId":"1","partnerSecret":"s"}`, "partnerId", "1", "partnerSecret", "s"),
	takes("all four", ` {"immediate" : false, "newPartnerSecret":"n","partnerSecret":"s","partnerId":"1" } `+"\r\n",
		"partnerId", "1", "partnerSecret", "s", "newPartnerSecret", "n", "immediate", "false"),
	takes("nothing", `{}`),
	takes("null is absent", `{"partnerId":null,"partnerSecret":"s","immediate":null}`, "partnerSecret", "s"),
	takes("empty is present", `{"partnerId":""}`, "partnerId", ""),
	takes("escapes", `{"partner\u0049d":"\u0031\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é"}`, "partnerId", "1\"\\/\b\f\n\r\té😀é"),
	takes("unknown fields of every kind", `{"a":[1,-2.5e+3,0,[],{}],"b":{"c":{"partnerId":"x"}},"d":true,"e":null,"f":"g","partnerId":"1"}`, "partnerId", "1"),
	takes("names count by case", `{"PartnerId":"x","partnerid":"y","partnerId":"1"}`, "partnerId", "1"),
	takes("depth 8", `{"a":`+strings.Repeat("[", 7)+strings.Repeat("]", 7)+`}`),

	refuses("depth 9", `{"a":`+strings.Repeat("[", 8)+strings.Repeat("]", 8)+`}`, "deep"),
	refuses("depth 9 in objects", strings.Repeat(`{"a":`, 9)+`1`+strings.Repeat("}", 9), "deep"),
	refuses("deep without end", strings.Repeat("[", 9000), "not one JSON object"),
	refuses("deep objects without end", strings.Repeat(`{"a":`, 3000), "deep"),
	refuses("null", `null`, "not one JSON object"),
	refuses("array", `[{}]`, "not one JSON object"),
	refuses("string", `"x"`, "not one JSON object"),
	refuses("byte order mark", "\xef\xbb\xbf{}", "not one JSON object"),
	refuses("two objects", `{}{}`, "follows"),
	refuses("junk behind", `{} x`, "follows"),
	refuses("comma behind", `{},`, "follows"),
	refuses("NUL behind", "{}\x00", "follows"),
	refuses("doubled", `{"partnerId":"1","partnerId":"1"}`, "partnerId comes twice"),
	refuses("doubled by an escape", `{"partnerId":"1","\u0070artnerId":"1"}`, "partnerId comes twice"),
	refuses("doubled unknown", `{"a":1,"a":1}`, "a key comes twice"),
	refuses("doubled inside", `{"x":{"a":1,"a":1}}`, "a key comes twice"),
	refuses("doubled inside an array", `{"x":[{"a":1,"a":1}]}`, "a key comes twice"),
	refuses("number for an id", `{"partnerId":1}`, "partnerId is not a string"),
	refuses("object for a secret", `{"partnerSecret":{}}`, "partnerSecret is not a string"),
	refuses("array for a secret", `{"newPartnerSecret":["x"]}`, "newPartnerSecret is not a string"),
	refuses("boolean for a secret", `{"partnerSecret":true}`, "partnerSecret is not a string"),
	refuses("string for immediate", `{"immediate":"true"}`, "immediate is neither"),
	refuses("number for immediate", `{"immediate":1}`, "immediate is neither"),
	refuses("lone high surrogate", `{"partnerId":"\ud83d"}`, "not valid JSON"),
	refuses("lone low surrogate", `{"partnerId":"\ude00"}`, "not valid JSON"),
	refuses("two high surrogates", `{"partnerId":"\ud83d\ud83d"}`, "not valid JSON"),
	refuses("lone surrogate in an unknown field", `{"x":"\ud83dx"}`, "not valid JSON"),
	refuses("surrogate cut short", `{"x":"\ud83d\ude0"}`, "not valid JSON"),
	refuses("not UTF-8", "{\"partnerId\":\"\xff\"}", "not UTF-8"),
	refuses("overlong UTF-8", "{\"partnerId\":\"\xc0\xb1\"}", "not UTF-8"),
	refuses("raw control byte", "{\"partnerId\":\"a\nb\"}", "not valid JSON"),
	refuses("bad escape", `{"x":"\q"}`, "not valid JSON"),
	refuses("NUL escape", "{\"x\":\"\\\x00\"}", "not valid JSON"),
	refuses("short unicode escape", `{"x":"\u12"}`, "not valid JSON"),
	refuses("unicode escape in upper case U", `{"x":"\U0031"}`, "not valid JSON"),
	refuses("hex digits that are none", `{"x":"\u001g"}`, "not valid JSON"),
	refuses("digits below zero", "{\"x\":\"\\u001\x10\"}", "not valid JSON"),
	refuses("unquoted key", `{a:1}`, "not valid JSON"),
	refuses("single quotes", `{'a':1}`, "not valid JSON"),
	refuses("no colon", `{"a" 1}`, "not valid JSON"),
	refuses("comma at the end", `{"a":1,}`, "not valid JSON"),
	refuses("comma at the start", `{,"a":1}`, "not valid JSON"),
	refuses("no comma", `{"a":1 "b":2}`, "not valid JSON"),
	refuses("comment", `{/**/}`, "not valid JSON"),
	refuses("leading zero", `{"a":01}`, "not valid JSON"),
	refuses("plus", `{"a":+1}`, "not valid JSON"),
	refuses("no fraction", `{"a":1.}`, "not valid JSON"),
	refuses("no exponent", `{"a":1e}`, "not valid JSON"),
	refuses("bare minus", `{"a":-}`, "not valid JSON"),
	refuses("NaN", `{"a":NaN}`, "not valid JSON"),
	refuses("wrong word", `{"a":trve}`, "not valid JSON"),
	refuses("cut in a word", `{"a":tr`, "not valid JSON"),
	refuses("cut in a string", `{"partnerId":"1`, "not valid JSON"),
	refuses("cut behind a backslash", `{"partnerId":"1\`, "not valid JSON"),
	refuses("cut behind a key", `{"partnerId"`, "not valid JSON"),
	refuses("cut behind a colon", `{"partnerId":`, "not valid JSON"),
	refuses("cut behind a comma", `{"a":1,`, "not valid JSON"),
	refuses("cut", `{`, "not valid JSON"),
	refuses("wrong bracket", `{"a":[1}]`, "not valid JSON"),
	refuses("white space of another kind", "{\"a\":\u00a01}", "not valid JSON"),
}

func TestParseJSON(t *testing.T) { runParser(t, tokens.ParseJSON, jsonCases) }

// FuzzParseJSON holds the parser against encoding/json: whatever ours takes, the other takes too, with the same values.
func FuzzParseJSON(f *testing.F) {
	for _, c := range jsonCases {
		f.Add([]byte(c.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > tokens.MaxBody {
			return
		}
		original := append([]byte(nil), body...)
		got, detail := tokens.ParseJSON(body)
		if detail != "" {
			return
		}
		var other map[string]any
		if err := json.Unmarshal(original, &other); err != nil {
			t.Fatalf("taken, but encoding/json says %v: %q", err, original)
		}
		want := tokens.Parsed{}
		for _, name := range []string{"partnerId", "partnerSecret", "newPartnerSecret", "immediate"} {
			switch v := other[name].(type) {
			case nil:
			case string:
				want[name] = v
			case bool:
				want[name] = map[bool]string{true: "true", false: "false"}[v]
			default:
				t.Fatalf("taken, but %s is a %T: %q", name, v, original)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q: %s", original, diff)
		}
	})
}
