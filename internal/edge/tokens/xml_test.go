package tokens_test

import (
	"encoding/xml"
	"strings"
	"testing"

	"countersign.dev/internal/edge/tokens"
	"github.com/google/go-cmp/cmp"
)

const declared = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`

var xmlCases = []parseCase{
	takes("both", `<credentials><partnerId>1</partnerId><partnerSecret>s</partnerSecret></credentials>`, "partnerId", "1", "partnerSecret", "s"),
	takes("all four, laid out", declared+"\n<credentials>\r\n\t<partnerId>1</partnerId>\n<partnerSecret>s</partnerSecret><newPartnerSecret>n</newPartnerSecret>\n<immediate>false</immediate></credentials>\n",
		"partnerId", "1", "partnerSecret", "s", "newPartnerSecret", "n", "immediate", "false"),
	takes("nothing", `<credentials/>`),
	takes("nothing, with space", `<credentials ></credentials >`),
	takes("empty is present", `<credentials><partnerId/><partnerSecret></partnerSecret></credentials>`, "partnerId", "", "partnerSecret", ""),
	takes("byte order mark", "\xef\xbb\xbf"+declared+`<credentials/>`),
	takes("declaration with single quotes", `<?xml version='1.0' encoding='utf-8'?><credentials/>`),
	takes("declaration without encoding", `<?xml version="1.0" ?><credentials/>`),
	takes("declaration without encoding but standalone", `<?xml version="1.0" standalone="no"?><credentials/>`),
	takes("prefixes declared on the root", `<credentials xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd='x'><partnerId>1</partnerId></credentials>`, "partnerId", "1"),
	takes("comments outside values", `<!-- a --><credentials><!----><partnerId>1</partnerId><!-- - --></credentials><!-- b -->`, "partnerId", "1"),
	takes("references", `<credentials><partnerSecret>&lt;&gt;&amp;&apos;&quot;&#49;&#x31;&#x1F600;é</partnerSecret></credentials>`, "partnerSecret", `<>&'"11😀é`),
	takes("CDATA", `<credentials><partnerSecret>a<![CDATA[<&]]]]><![CDATA[>]]>b</partnerSecret></credentials>`, "partnerSecret", "a<&]]>b"),
	takes("ends of lines", "<credentials><partnerSecret>a\r\nb\rc&#13;d</partnerSecret></credentials>", "partnerSecret", "a\nb\nc\rd"),
	takes("spaces stay", `<credentials><partnerSecret> s </partnerSecret></credentials>`, "partnerSecret", " s "),
	takes("greater-than", `<credentials><partnerSecret>a>b]]</partnerSecret></credentials>`, "partnerSecret", "a>b]]"),
	takes("unknown elements", `<credentials><other a="1" x:b='&amp;>'>text <![CDATA[<]]>&#49;</other><deep><partnerId>x</partnerId><e/></deep><partnerId>1</partnerId></credentials>`, "partnerId", "1"),
	takes("names count by case", `<credentials><PartnerId>x</PartnerId><partnerId>1</partnerId></credentials>`, "partnerId", "1"),
	takes("depth 8", `<credentials>`+strings.Repeat("<a>", 7)+strings.Repeat("</a>", 7)+`</credentials>`),

	refuses("depth 9", `<credentials>`+strings.Repeat("<a>", 8)+strings.Repeat("</a>", 8)+`</credentials>`, "deep"),
	refuses("deep without end", `<credentials>`+strings.Repeat("<a>", 4000), "deep"),
	refuses("document type", `<!DOCTYPE credentials><credentials/>`, "directive"),
	refuses("entity", `<!DOCTYPE c [<!ENTITY x "1">]><credentials><partnerId>&x;</partnerId></credentials>`, "directive"),
	refuses("external entity", `<!DOCTYPE c SYSTEM "file:///etc/passwd"><credentials/>`, "directive"),
	refuses("document type behind", `<credentials/><!DOCTYPE c>`, "directive"),
	refuses("directive inside", `<credentials><!ELEMENT a></credentials>`, "directive"),
	refuses("undeclared entity", `<credentials><partnerId>&x;</partnerId></credentials>`, "entity"),
	refuses("undeclared entity elsewhere", `<credentials><a>&nbsp;</a></credentials>`, "entity"),
	refuses("undeclared entity in an attribute", `<credentials><a b="&x;"/></credentials>`, "not plain XML"),
	refuses("bare ampersand", `<credentials><partnerId>a&b</partnerId></credentials>`, "entity"),
	refuses("reference to NUL", `<credentials><partnerId>&#0;</partnerId></credentials>`, "entity"),
	refuses("reference to a surrogate", `<credentials><partnerId>&#xd800;</partnerId></credentials>`, "entity"),
	refuses("reference beyond Unicode", `<credentials><partnerId>&#x110000;</partnerId></credentials>`, "entity"),
	refuses("reference with a sign", `<credentials><partnerId>&#+49;</partnerId></credentials>`, "entity"),
	refuses("reference with a big X", `<credentials><partnerId>&#X31;</partnerId></credentials>`, "entity"),
	refuses("endless reference", `<credentials><partnerId>&#000000000000049;</partnerId></credentials>`, "entity"),
	refuses("processing instruction", `<?php x?><credentials/>`, "processing instruction"),
	refuses("style sheet", declared+`<?xml-stylesheet href="x"?><credentials/>`, "processing instruction"),
	refuses("processing instruction inside", `<credentials><?x y?></credentials>`, "processing instruction"),
	refuses("processing instruction in a value", `<credentials><partnerId><?x y?></partnerId></credentials>`, "more than text"),
	refuses("processing instruction behind", `<credentials/><?x y?>`, "processing instruction"),
	refuses("declaration not at the start", ` `+declared+`<credentials/>`, "processing instruction"),
	refuses("two declarations", declared+declared+`<credentials/>`, "processing instruction"),
	refuses("other encoding", `<?xml version="1.0" encoding="UTF-16"?><credentials/>`, "declaration"),
	refuses("latin encoding", `<?xml version="1.0" encoding="ISO-8859-1"?><credentials/>`, "declaration"),
	refuses("utf-7", `<?xml version="1.0" encoding="UTF-7"?><credentials>+ADw-</credentials>`, "declaration"),
	refuses("version 1.1", `<?xml version="1.1"?><credentials/>`, "declaration"),
	refuses("no version", `<?xml encoding="UTF-8"?><credentials/>`, "not plain XML"),
	refuses("odd declaration", `<?xml version="1.0" what="x"?><credentials/>`, "not plain XML"),
	refuses("wrong order", `<?xml encoding="UTF-8" version="1.0"?><credentials/>`, "not plain XML"),
	refuses("other root", `<credential><partnerId>1</partnerId></credential>`, "root"),
	refuses("root in capitals", `<Credentials/>`, "root"),
	refuses("prefixed root", `<x:credentials/>`, "not plain XML"),
	refuses("default name space", `<credentials xmlns="urn:x"/>`, "attribute"),
	refuses("attribute on the root", `<credentials a="1"/>`, "attribute"),
	refuses("attribute on a value", `<credentials><partnerId a="1">1</partnerId></credentials>`, "attribute"),
	refuses("nil value", `<credentials xmlns:i="x"><partnerId i:nil="true"/></credentials>`, "attribute"),
	refuses("prefixed value", `<credentials xmlns:x="u"><x:partnerId>1</x:partnerId></credentials>`, "not plain XML"),
	refuses("prefixed stranger", `<credentials><x:y/></credentials>`, "not plain XML"),
	refuses("two roots", `<credentials/><credentials/>`, "follows"),
	refuses("text behind", `<credentials/>x`, "follows"),
	refuses("text before", `x<credentials/>`, "not plain XML"),
	refuses("doubled", `<credentials><partnerId>1</partnerId><partnerId>1</partnerId></credentials>`, "partnerId comes twice"),
	refuses("doubled and empty", `<credentials><partnerId>1</partnerId><partnerId/></credentials>`, "partnerId comes twice"),
	refuses("doubled stranger", `<credentials><a/><a/></credentials>`, "an element comes twice"),
	refuses("doubled inside", `<credentials><a><b/><b/></a></credentials>`, "an element comes twice"),
	refuses("comment in a value", `<credentials><partnerId>1<!-- -->2</partnerId></credentials>`, "more than text"),
	refuses("element in a value", `<credentials><partnerId>1<b/></partnerId></credentials>`, "more than text"),
	refuses("text between", `<credentials>x<partnerId>1</partnerId></credentials>`, "text between"),
	refuses("text between, late", `<credentials><partnerId>1</partnerId>x</credentials>`, "text between"),
	refuses("text between strangers", `<credentials><a>x<b/></a></credentials>`, "text between"),
	refuses("text between strangers, late", `<credentials><a><b/>x</a></credentials>`, "text between"),
	refuses("reference between", `<credentials>&#32;</credentials>`, "text between"),
	refuses("CDATA between", `<credentials><![CDATA[ ]]></credentials>`, "text between"),
	refuses("end of CDATA in text", `<credentials><partnerId>a]]>b</partnerId></credentials>`, "not plain XML"),
	refuses("end of CDATA elsewhere", `<credentials><a>]]></a></credentials>`, "not plain XML"),
	refuses("wrong end", `<credentials><partnerId>1</partnerSecret></credentials>`, "not plain XML"),
	refuses("crossed", `<credentials><a><b></a></b></credentials>`, "not plain XML"),
	refuses("end with an attribute", `<credentials></credentials a="1">`, "not plain XML"),
	refuses("space before the name", `< credentials/>`, "not plain XML"),
	refuses("space in the end", `<credentials></ credentials>`, "not plain XML"),
	refuses("unquoted attribute", `<credentials><a b=c/></credentials>`, "not plain XML"),
	refuses("bare attribute", `<credentials><a b/></credentials>`, "not plain XML"),
	refuses("doubled attribute", `<credentials><a b="1" b="2"/></credentials>`, "not plain XML"),
	refuses("attributes run together", `<credentials><a b="1"c="2"/></credentials>`, "not plain XML"),
	refuses("less-than in an attribute", `<credentials><a b="<"/></credentials>`, "not plain XML"),
	refuses("doubled hyphen in a comment", `<!-- -- --><credentials/>`, "not plain XML"),
	refuses("comment that ends oddly", `<!-- ---><credentials/>`, "not plain XML"),
	refuses("comment without end", `<credentials/><!-- `, "not plain XML"),
	refuses("CDATA without end", `<credentials><partnerId><![CDATA[x</partnerId></credentials>`, "not plain XML"),
	refuses("non-ASCII name", `<credentials><é/></credentials>`, "not plain XML"),
	refuses("not UTF-8", "<credentials><partnerId>\xff</partnerId></credentials>", "not UTF-8"),
	refuses("UTF-16", "\xff\xfe<\x00c\x00", "not UTF-8"),
	refuses("NUL", "<credentials>\x00</credentials>", "not UTF-8"),
	refuses("control byte", "<credentials><a>\x0b</a></credentials>", "not UTF-8"),
	refuses("noncharacter", "<credentials><a>\uffff</a></credentials>", "not UTF-8"),
	refuses("cut in a tag", `<credentials`, "not plain XML"),
	refuses("cut in the content", `<credentials>`, "not plain XML"),
	refuses("cut in a stranger", `<credentials><a>x`, "not plain XML"),
	refuses("cut in a value", `<credentials><partnerId>1`, "not plain XML"),
	refuses("cut in an attribute", `<credentials><a b="`, "not plain XML"),
	refuses("cut in the declaration", `<?xml version="1.0"`, "not plain XML"),
	refuses("cut behind the bracket", `<`, "not plain XML"),
	refuses("declaration alone", declared, "not plain XML"),
}

func TestParseXML(t *testing.T) { runParser(t, tokens.ParseXML, xmlCases) }

// otherForm is how a program without our care would read the same body. Pointers tell absent from empty.
type otherForm struct {
	XMLName          xml.Name `xml:"credentials"`
	PartnerID        *string  `xml:"partnerId"`
	PartnerSecret    *string  `xml:"partnerSecret"`
	NewPartnerSecret *string  `xml:"newPartnerSecret"`
	Immediate        *string  `xml:"immediate"`
}

// FuzzParseXML holds the parser against encoding/xml: whatever ours takes, the other takes too, with the same values.
func FuzzParseXML(f *testing.F) {
	for _, c := range xmlCases {
		f.Add([]byte(c.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > tokens.MaxBody {
			return
		}
		original := append([]byte(nil), body...)
		got, detail := tokens.ParseXML(body)
		if detail != "" {
			return
		}
		var other otherForm
		if err := xml.Unmarshal(original, &other); err != nil {
			t.Fatalf("taken, but encoding/xml says %v: %q", err, original)
		}
		want := tokens.Parsed{}
		for name, value := range map[string]*string{"partnerId": other.PartnerID, "partnerSecret": other.PartnerSecret,
			"newPartnerSecret": other.NewPartnerSecret, "immediate": other.Immediate} {
			if value != nil {
				want[name] = *value
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q: %s", original, diff)
		}
	})
}
