package webhook

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzParseProof: what is taken is one JSON object with one member, as another reader sees it.
func FuzzParseProof(f *testing.F) {
	good := `{"proof":"` + strings.Repeat("a", 64) + `"}`
	for _, text := range []string{good, " " + good + "\n", good + good, `{"proof":"` + strings.Repeat("a", 64) + `","proof":""}`, `{"Proof":"a"}`, `{}`, `[]`, ``, `"proof"`, `{"pr\u006fof":"` + strings.Repeat("a", 64) + `"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		proof, ok := parseProof(body)
		if !ok {
			if proof != "" {
				t.Fatalf("%q is refused, and its proof is %q", body, proof)
			}
			return
		}
		var members map[string]json.RawMessage
		var value string
		if err := json.Unmarshal(body, &members); err != nil || len(members) != 1 || json.Unmarshal(members["proof"], &value) != nil || value != proof || len(proof) != 64 {
			t.Fatalf("%q is taken as %q", body, proof)
		}
		if bytes.Count(body, []byte("{")) != 1+strings.Count(proof, "{") && !bytes.Contains(body, []byte(`\`)) {
			t.Fatalf("%q is taken", body)
		}
	})
}
