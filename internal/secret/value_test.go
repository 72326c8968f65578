package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"countersign.dev/internal/secret"
)

const plain = "s3cret-Plain-Text"

type outer struct {
	Shown  secret.Value
	hidden secret.Value
	Inside struct{ Deep []secret.Value }
}

func leaky() outer {
	v := secret.NewValue([]byte(plain))
	o := outer{Shown: v, hidden: v}
	o.Inside.Deep = []secret.Value{v}
	return o
}

// leaks reports whether text holds the secret as text, hex, decimal bytes or base64.
func leaks(text string) bool {
	forms := []string{plain, fmt.Sprintf("%x", plain), fmt.Sprintf("%X", plain), "115 51 99", "0x73, 0x33", "czNjcmV0"}
	for _, form := range forms {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

func TestRule33ValueIsNeverPrinted(t *testing.T) {
	o := leaky()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%t", "%c", "%U", "%e", "%p", "%10.3s", "% x", "%T"} {
		for _, v := range []any{o, &o, o.Shown, &o.Shown, []any{o}, map[string]any{"k": o}, o.Inside} {
			if text := fmt.Sprintf(verb, v); leaks(text) {
				t.Errorf("%s of %T prints the secret: %s", verb, v, text)
			}
		}
	}
	if got := fmt.Sprint(o.Shown); got != secret.Redacted {
		t.Errorf("got %q", got)
	}
	if leaks(fmt.Errorf("wrapped %v %w", o, fmt.Errorf("%s", o.hidden)).Error()) {
		t.Error("an error prints the secret")
	}
}

func TestRule33ValueIsNeverEncodedOrLogged(t *testing.T) {
	o := leaky()
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(handler).Info("x", "value", o.Shown, "struct", o, "pointer", &o, "list", o.Inside.Deep)
	}
	if err := json.NewEncoder(&out).Encode(map[string]any{"a": o, "b": &o.Shown}); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(&out).Encode(o.Inside.Deep); err != nil {
		t.Fatal(err)
	}
	type document struct {
		Body secret.Value
		Attr secret.Value `xml:",attr"`
	}
	if err := xml.NewEncoder(&out).Encode(document{o.Shown, o.Shown}); err != nil {
		t.Fatal(err)
	}
	if leaks(out.String()) {
		t.Errorf("leaked: %s", out.String())
	}
	if strings.Count(out.String(), secret.Redacted) < 8 {
		t.Errorf("redaction is missing: %s", out.String())
	}
}

func TestValueWipesItselfAndItsCopies(t *testing.T) {
	source := []byte(plain)
	v := secret.NewValue(source)
	secret.Wipe(source)
	if string(v.Bytes()) != plain || v.Len() != len(plain) {
		t.Fatal("a value must not share the caller's bytes")
	}
	held, twin := v.Bytes(), v
	v.Zero()
	if !twin.IsZero() || !v.IsZero() || twin.Bytes() != nil || strings.Trim(string(held), "\x00") != "" {
		t.Error("bytes survive Zero")
	}
	var none secret.Value
	none.Zero()
	if !none.IsZero() || none.Len() != 0 || none.Bytes() != nil || none.String() != secret.Redacted {
		t.Error("the zero value is empty and redacted")
	}
	if !secret.NewValue(nil).IsZero() {
		t.Error("nothing makes an empty value")
	}
}

func TestValueEqual(t *testing.T) {
	a, b := secret.NewValue([]byte("a")), secret.NewValue([]byte("b"))
	if a.Equal(b) || !a.Equal(secret.NewValue([]byte("a"))) || a.Equal(secret.Value{}) || !(secret.Value{}).Equal(secret.Value{}) {
		t.Error("wrong comparison")
	}
}
