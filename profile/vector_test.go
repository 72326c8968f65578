package profile_test

import (
	"strings"
	"testing"

	"countersign.dev/profile"
)

const vectorProfile = `profile: v
language: 2
algorithm: hmac-sha256
message: join('\n', ts, method, target, body)
wire: {X-Key: "{key_id}", X-Time: "{ts}", X-Sig: "{sig}"}
time: {}
`

// vectorFile is a file with one vector, its signature computed with Python.
func vectorFile(change ...string) string {
	text := `[{"id":"one","method":"GET","url":"https://h/a?b=1","vars":{"key_id":"k","ts":"1763625600"},"secret_hex":"736563726574",
 "canonical_string":"1763625600\nGET\n/a?b=1\n",
 "expected_signature":"caaa77f2afa5cc39cf9ab3d8c0902756140901fe8c999c9a189fdd7c05bcfa26"}]`
	return strings.NewReplacer(change...).Replace(text)
}

func run(t *testing.T, file string) profile.Result {
	t.Helper()
	p, err := profile.Parse("v.yaml", []byte(vectorProfile))
	if err != nil {
		t.Fatal(err)
	}
	list, err := profile.LoadVectors("v.json", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return profile.Run(p, &list[0])
}

func TestRunSaysWhereItDiffers(t *testing.T) {
	for _, c := range []struct {
		change []string
		diff   int
		want   string
	}{
		{nil, -1, ""},
		{[]string{"caaa77f2", "00000000"}, -1, "the canonical input is the published one, so look at key, algorithm and signature"},
		{[]string{`\nGET\n`, `\nget\n`, "caaa77f2", "00000000"}, 11, "the signature differs from the published one: the canonical input differs from byte 11 on"},
		{[]string{`"https://h/a?b=1"`, `"h/a"`}, -1, "the URL has no scheme and host"},
		{[]string{`"ts":"1763625600"`, `"ts":"176"`}, -1, "sign: ts cannot be written"},
		{[]string{`"id":"one"`, `"alternative":"lf"`}, -1, "profile has no such alternative"},
	} {
		file := vectorFile(c.change...)
		r := run(t, file)
		if r.OK != (c.want == "") || !strings.Contains(r.Problem, c.want) || r.Diff != c.diff {
			t.Errorf("%+v, want %q at %d", r, c.want, c.diff)
		}
		if strings.Contains(r.Problem, "secret") && !strings.Contains(r.Problem, "no secret") {
			t.Error("the problem shows the secret:", r.Problem)
		}
	}
}

func TestVectorFilesAreRefusedWithTheirPlace(t *testing.T) {
	for file, want := range map[string]string{
		"":                                     "v.json:1:1: not a JSON array of vectors",
		"[]":                                   "a file holds 1 to 10000 vectors",
		`{"a":1}`:                              "not a JSON array of vectors",
		`[3]`:                                  "vector 1: it is not an object",
		"[\n{},\n{\"id\":\"x\",\"method\":1}]": "v.json:2:1: vector 1: secret_hex is missing",
		`[{"id":"x","method":1}]`:              "vector 1 (x): method must be text",
		`[{"secret_hex":"xy"}]`:                "secret_hex is not hexadecimal",
		`[{"headers":[1]}]`:                    "headers must be an object of texts",
		`[{"headers":{"A":true}}]`:             "headers must be an object of texts (look at A)",
		`[{"headers":{"A":["1"]}}]`:            "headers must be an object of texts (look at A)",
		`[{"body":{"a":1}}]`:                   "body must be text (exactly as it is signed, in quotation marks)",
		`[{"secret":"s","expected_signature":"x","token_hex":"zz"}]`: "token_hex is not hexadecimal",
		`[{"secret":7}]`:                           "secret must be text",
		`[{"vars":{"a":true}}]`:                    "vars.a must be text",
		`[{"kind":1}]`:                             "kind must be text",
		`[{"url":null,"secret":"s"}]`:              "expected_signature is missing",
		`[{"vars":{"a":[1]}}]`:                     "vars.a must be text",
		`[{"vars":{"a_hex":"x"}}]`:                 "vars.a is not hexadecimal",
		`[{"body_base64":"*"}]`:                    "body_base64 is not base64",
		`[{"canonical_string":"base64:*"}]`:        "canonical_string is not base64",
		`[{"secret_hex":"00"}]`:                    "expected_signature is missing",
		"[" + strings.Repeat("{},", 10001) + "{}]": "a file holds 1 to 10000 vectors",
	} {
		_, err := profile.LoadVectors("dir/v.json", []byte(file))
		if err == nil {
			t.Errorf("%.40s is read", file)
			continue
		}
		got := strings.Replace(err.Error(), "vars.a_hex", "vars.a", 1)
		if !strings.Contains(got, want) {
			t.Errorf("%.40s: %v, want %s", file, err, want)
		}
	}
}
