package config

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"countersign.dev/internal/config/document"
	"github.com/google/go-cmp/cmp"
)

// keysOfTable lists every path of the table, and reports each to see.
func keysOfTable(fields []setting, path string, see func(path string, s setting)) []string {
	var all []string
	for _, s := range fields {
		at := join(path, s.key)
		all = append(all, at)
		see(at, s)
		if s.inner != nil && s.inner.form != texts {
			all = append(all, keysOfTable(s.inner.item().fields, at, see)...)
		}
	}
	return all
}

// keysOfType lists every path of a Go type by its tags.
func keysOfType(t *testing.T, typ reflect.Type, path string) []string {
	var all []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		key := f.Tag.Get("key")
		if key == "" {
			if f.IsExported() && f.Name != "Name" && f.Name != "File" && f.Name != "Count" && f.Name != "Per" {
				t.Errorf("%s.%s has no key", typ, f.Name)
			}
			continue
		}
		at, inner := join(path, key), f.Type
		all = append(all, at)
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner.PkgPath() == reflect.TypeFor[Config]().PkgPath() && inner != reflect.TypeFor[Rate]() {
			all = append(all, keysOfType(t, inner, at)...)
		}
	}
	return all
}

// keysOfSchema lists every path of the schema.
func keysOfSchema(schema map[string]any, path string) []string {
	var all []string
	for _, one := range []string{"items", "additionalProperties"} {
		if inner, ok := schema[one].(map[string]any); ok {
			all = append(all, keysOfSchema(inner, path)...)
		}
	}
	alternatives, _ := schema["oneOf"].([]any)
	for _, inner := range alternatives {
		all = append(all, keysOfSchema(inner.(map[string]any), path)...)
	}
	properties, _ := schema["properties"].(map[string]any)
	for key, inner := range properties {
		all = append(append(all, join(path, key)), keysOfSchema(inner.(map[string]any), join(path, key))...)
	}
	return all
}

// TestSchemaTypesAndTableKnowTheSameKeys: what one of them has and another lacks could be written and never read.
func TestSchemaTypesAndTableKnowTheSameKeys(t *testing.T) {
	table := keysOfTable(new(decoder).settings(new(Config)), "", func(string, setting) {})
	types := keysOfType(t, reflect.TypeFor[Config](), "")
	var schema map[string]any
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	published := keysOfSchema(schema, "")
	for _, list := range [][]string{table, types, published} {
		slices.Sort(list)
		if len(slices.Compact(slices.Clone(list))) != len(list) || len(list) < 100 {
			t.Errorf("%d keys, some of them twice", len(list))
		}
	}
	if diff := cmp.Diff(types, table); diff != "" {
		t.Errorf("types and table: %s", diff)
	}
	if diff := cmp.Diff(published, table); diff != "" {
		t.Errorf("schema and table: %s", diff)
	}
}

// TestEveryKeyFillsItsOwnField: of a key that stands in the file, the field with its tag differs from the default, and no other
// key's field does.
func TestEveryKeyFillsItsOwnField(t *testing.T) {
	checkFields(t, new(Config), new(decoder).settings)
	checkFields(t, new(Environment), new(decoder).environment)
	checkFields(t, new(Listener), new(decoder).listener)
	checkFields(t, new(Door), new(decoder).door)
	checkFields(t, new(DoorEnvoy), new(decoder).doorEnvoy)
	checkFields(t, new(TLS), new(decoder).tls)
	checkFields(t, new(Pair), new(decoder).pair)
	checkFields(t, new(ACME), new(decoder).acme)
	checkFields(t, new(ClientCertificates), new(decoder).clientCertificates)
	checkFields(t, new(API), new(decoder).api)
	checkFields(t, new(Profile), new(decoder).profile)
	checkFields(t, new(Token), new(decoder).token)
	checkFields(t, new(Upstream), new(decoder).upstream)
	checkFields(t, new(Limit), new(decoder).limit)
	checkFields(t, new(Limits), new(decoder).limits)
	checkFields(t, new(Decisions), new(decoder).decisions)
	checkFields(t, new(Checkpoints), new(decoder).checkpoints)
	checkFields(t, new(Syslog), new(decoder).syslog)
	checkFields(t, new(Stream), new(decoder).stream)
	checkFields(t, new(Memory), new(decoder).memory)
	checkFields(t, new(Replay), new(decoder).replay)
	checkFields(t, new(Tracing), new(decoder).tracing)
	checkFields(t, new(Counting), new(decoder).counting)
	checkFields(t, new(Register), new(decoder).register)
	checkFields(t, new(Valkey), new(decoder).valkey)
	checkFields(t, new(ValkeyTLS), new(decoder).valkeyTLS)
	checkFields(t, new(Drain), new(decoder).drain)
	checkFields(t, new(Ops), new(decoder).ops)
	checkFields(t, new(Keys), new(decoder).keys)
	checkFields(t, new(Admin), new(decoder).admin)
	checkFields(t, new(AdminTLS), new(decoder).adminTLS)
	checkFields(t, new(Portal), new(decoder).portal)
	checkFields(t, new(OIDC), new(decoder).oidc)
	checkFields(t, new(GroupRole), new(decoder).groupRole)
	checkFields(t, new(Passkeys), new(decoder).passkeys)
	checkFields(t, new(Sessions), new(decoder).sessions)
	checkFields(t, new(Review), new(decoder).review)
	checkFields(t, new(ChecklistItem), new(decoder).checklistItem)
	checkFields(t, new(Webhooks), new(decoder).webhooks)
	checkFields(t, new(Credentials), new(decoder).credentials)
}

// checkFields writes a probe into each single value of a fresh struct and sees which field has changed.
func checkFields[T any](t *testing.T, _ *T, fields func(*T) []setting) {
	t.Helper()
	for i := range fields(new(T)) {
		at := new(T)
		s := fields(at)[i]
		switch {
		case s.leaf != nil && s.inner == nil:
			if message, _ := s.leaf.decode(probe(s)); message != "" {
				t.Errorf("%T %s: %s", at, s.key, message)
			}
		case s.inner.form == object:
			continue // its own fields are looked at by themselves
		default:
			s.inner.add("x")
		}
		v := reflect.ValueOf(at).Elem()
		for j := range v.NumField() {
			if key := v.Type().Field(j).Tag.Get("key"); key != "" && (key == s.key) == v.Field(j).IsZero() {
				t.Errorf("%T: after %s was set the field of %s is %v", at, s.key, key, v.Field(j))
			}
		}
	}
}

// probe is a value that is no zero.
func probe(s setting) *document.Node {
	switch {
	case s.leaf.word == "boolean":
		return &document.Node{Kind: document.Bool, Text: "true"}
	case s.initial == "0":
		return &document.Node{Kind: document.Integer, Text: "7"}
	case s.initial == "0s":
		return &document.Node{Kind: document.Text, Text: "7s"}
	case s.initial == "never" && s.leaf.word == "duration":
		return &document.Node{Kind: document.Text, Text: "90d"}
	case s.initial == "never":
		return &document.Node{Kind: document.Text, Text: "2MiB"}
	case s.initial == "auto":
		return &document.Node{Kind: document.Text, Text: "2GiB"}
	case s.initial == "profile":
		return &document.Node{Kind: document.Text, Text: "5m"}
	case s.initial != "":
		return initialNode(s.initial)
	}
	return initialNode(s.example)
}

// TestDefaultsAndExamplesAreTaken: each passes its own parser, and each optional value has one or the other.
func TestDefaultsAndExamplesAreTaken(t *testing.T) {
	keysOfTable(new(decoder).settings(new(Config)), "", func(path string, s setting) {
		for what, text := range map[string]string{"default": s.initial, "example": s.example} {
			if text == "" || s.inner != nil {
				continue
			}
			if message, hint := s.leaf.decode(initialNode(text)); message != "" {
				t.Errorf("%s of %s: %s (%s)", what, path, message, hint)
			}
		}
		if s.leaf != nil && s.inner == nil && s.initial == "" && s.example == "" {
			t.Errorf("%s has neither default nor example", path)
		}
		if s.about == "" || !strings.HasSuffix(s.about, ".") {
			t.Errorf("%s is not described", path)
		}
		if s.leaf != nil && s.inner == nil && s.initial != "" {
			s.leaf.decode(initialNode(s.initial))
			if shown := initialNode(s.leaf.show()); s.leaf.word == "duration" != (shown.Text != "" && s.leaf.word == "duration") {
				t.Errorf("%s shows %q for its default", path, shown.Text)
			}
		}
	})
}

const whole = `{data: /d, ops: {listen: "127.0.0.1:1"}, records: {decisions: {compress: true, keep: 30d, queue_size: 2MiB}}, environments: {e: {hosts: [a.b],
 listeners: [{address: "127.0.0.1:2", max_head: 16KiB, tls: {certificate: c, key: k, min_version: "1.2"}}],
 apis: {a: {profile: finci, base_paths: [/x], max_body: 1KiB, upstream: {url: "http://127.0.0.1:3", max_idle: 3}, limits: {total: {rate: 5/s, burst: 7}}}}}}}`

// TestSchemaAndDecoderJudgeAlike: of a file in which one node was exchanged, both say the same where the schema can say
// anything: the schema never refuses what the decoder takes, and refuses every wrong kind and every unknown key.
func TestSchemaAndDecoderJudgeAlike(t *testing.T) {
	schema, err := compileSchema()
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	refused, taken := 0, 0
	for range 400 {
		root, err := document.Parse("w", []byte(whole), document.Bounds{Bytes: 1 << 20, Lines: 99, Tokens: 999, Levels: 12, Words: 99})
		if err != nil {
			t.Fatal(err)
		}
		what := mutate(random, root)
		text, err := json.Marshal(root.JSON())
		if err != nil {
			t.Fatal(err)
		}
		d := &decoder{places: map[string]Place{}}
		c := &Config{places: d.places}
		d.mapping(root, d.settings(c), "")
		d.rules(c)
		bySchema := schema.Validate(root.JSON())
		if len(d.problems) == 0 && bySchema != nil {
			t.Errorf("%s: the schema refuses what the decoder takes: %v\n%s", what, bySchema, text)
		}
		if len(d.problems) > 0 && bySchema == nil && !onlyDecoder(d.problems) {
			t.Errorf("%s: the schema takes what the decoder refuses: %v\n%s", what, d.problems, text)
		}
		if len(d.problems) > 0 {
			refused++
		} else {
			taken++
		}
	}
	if refused < 100 || taken < 8 {
		t.Errorf("%d refused, %d taken: the changes prove little", refused, taken)
	}
}

// onlyDecoder: what a text means is not for the schema to know.
func onlyDecoder(p Problems) bool {
	return !slices.ContainsFunc(p, func(one Problem) bool {
		return strings.Contains(one.Message, "unknown key") || strings.Contains(one.Message, "lacks") || strings.Contains(one.Message, "is not a mapping") ||
			strings.Contains(one.Message, "is not a list") || strings.Contains(one.Message, "is none of") || strings.Contains(one.Message, "neither true") || strings.Contains(one.Message, "no value")
	})
}

// mutate exchanges, removes or renames one node of the tree.
func mutate(random *rand.Rand, root *document.Node) string {
	n := root
	for {
		switch {
		case len(n.Entries) > 0:
			i := random.IntN(len(n.Entries))
			e := &n.Entries[i]
			switch random.IntN(10) {
			case 0:
				e.Key += "x"
				return "renamed " + e.Key
			case 1:
				key := e.Key
				n.Entries = slices.Delete(n.Entries, i, i+1)
				return "removed " + key
			case 2, 3:
				e.Value = foreign(random)
				return "another value for " + e.Key
			}
			n = e.Value
		case len(n.Items) > 0:
			i := random.IntN(len(n.Items))
			if random.IntN(3) == 0 {
				n.Items[i] = foreign(random)
				return "another item"
			}
			n = n.Items[i]
		default:
			*n = *foreign(random)
			return "another value"
		}
	}
}

func foreign(random *rand.Rand) *document.Node {
	all := []document.Node{{Kind: document.Text, Text: "word"}, {Kind: document.Integer, Text: "17"}, {Kind: document.Float, Text: "1.2"}, {Kind: document.Bool, Text: "false"},
		{Kind: document.Null}, {Kind: document.Mapping}, {Kind: document.Sequence}, {Kind: document.Text, Text: "5m"}, {Kind: document.Text, Text: "1MiB"},
		{Kind: document.Sequence, Items: []*document.Node{{Kind: document.Text, Text: "/y"}}}}
	n := all[random.IntN(len(all))]
	return &n
}

func TestSchemaIsTheSameEveryTime(t *testing.T) {
	if !bytes.Equal(Schema(), Schema()) {
		t.Error("two calls, two schemas")
	}
}

// TestTheSchemaIsAsked: what it refuses is told at the place of the node that it means.
func TestTheSchemaIsAsked(t *testing.T) {
	root, err := document.Parse("w", []byte("data: /d\nops:\n  listen: 127.0.0.1:1\n  lisen: x\nenvironments:\n  e:\n    hosts: [a, 7]\n    listeners: []\n    apis: {a: {}}\n"), document.Bounds{Bytes: 999, Lines: 99, Tokens: 99, Levels: 12, Words: 99})
	if err != nil {
		t.Fatal(err)
	}
	read := &decoder{file: "w", places: map[string]Place{}}
	read.mapping(root, read.settings(new(Config)), "")
	d := &decoder{file: "w", places: read.places}
	d.agree(root)
	told := d.problems.Sorted().Error()
	for _, want := range []string{"w:3:3: the schema says: ", "additional properties 'lisen' not allowed", "w:7:16: the schema says: ", "w:8:16: the schema says: ", "missing properties 'base_paths', 'upstream'"} {
		if !strings.Contains(told, want) {
			t.Errorf("%s is not in\n%s", want, told)
		}
	}
}
