package extauthz_test

import (
	"context"
	"slices"
	"testing"

	"countersign.dev/internal/access"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/structpb"
)

func (w *world) raw(message []byte) (outcome, map[string]any) {
	w.Helper()
	o := applied(w, call{}, w.checker.Check(context.Background(), message, envoy))
	return o, w.line()
}

// TestMessagesThatAreNone: what cannot be read is refused, recorded, and answered like any refusal.
func TestMessagesThatAreNone(t *testing.T) {
	w := newWorld(t, settings{})
	honest := wire(t, syntheticCheck(w.get("/api/v1/cards/1"), syntheticFilter{}))
	twice := slices.Concat(honest, honest) // the generated messages would merge these
	for what, message := range map[string][]byte{
		"nothing":                   nil,
		"a tag without a value":     protowire.AppendTag(nil, 1, protowire.BytesType),
		"field 0":                   {0, 0},
		"a length beyond the end":   append(protowire.AppendTag(nil, 1, protowire.BytesType), 0xff, 0xff, 0x03),
		"a group":                   protowire.AppendTag(nil, 1, protowire.StartGroupType),
		"a group of another number": protowire.AppendTag(honest, 99, protowire.StartGroupType),
		"a number for a message":    protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1),
		"attributes twice":          twice,
		"no request":                wire(t, &authv3.CheckRequest{Attributes: &authv3.AttributeContext{}}),
		"no attributes":             wire(t, &authv3.CheckRequest{}),
		"half of one":               honest[:len(honest)/2],
		"text that is not UTF-8":    within(within(within(protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), []byte("/\xff")), 2), 4), 1),
		"a path twice":              within(within(within(slices.Concat(text(4, "/a"), text(4, "/b")), 2), 4), 1),
	} {
		o, line := w.raw(message)
		if o.allowed || o.status != 400 || line["reason"] != access.MalformedCheck.String() {
			t.Errorf("%s: %+v, %v", what, o, line)
		}
	}
}

// within makes a message the only field of another.
func within(b []byte, number protowire.Number) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), b)
}

func text(number protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), s)
}

// TestFieldsThatAreNotNeededArePassedOver: what a filter may send besides, and what a later one may.
func TestFieldsThatAreNotNeededArePassedOver(t *testing.T) {
	w := newWorld(t, settings{})
	data, err := structpb.NewStruct(map[string]any{"a": []any{1, "b", nil}})
	w.must(err)
	w.allow("everything there is", w.get("/api/v1/cards/1"), syntheticFilter{change: func(c *authv3.CheckRequest) {
		a := c.Attributes
		a.ContextExtensions = map[string]string{"route": "cards"}
		a.MetadataContext = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"x": data}}
		a.RouteMetadataContext = a.MetadataContext
		a.TlsSession = &authv3.AttributeContext_TLSSession{Sni: "api.example.com"}
		a.Source.Service, a.Source.Principal, a.Source.Labels = "backend", "spiffe://example.com/backend", map[string]string{"a": "b"}
	}})
	later := protowire.AppendFixed64(protowire.AppendTag(wire(t, syntheticCheck(w.get("/api/v1/cards/2"), syntheticFilter{})), 4711, protowire.Fixed64Type), 1)
	if o, line := w.raw(later); !o.allowed {
		t.Errorf("a field that is not known: %+v, %v", o, line)
	}
}
