package extauthz_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"countersign.dev/internal/edge/door"
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	authfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	managerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	// The types that the examples name by URL.
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
)

// examples are the configurations of deploy/envoy.
var examples = []string{"envoy.yaml", "envoy-http.yaml"}

// readExample reads an example into the messages that Envoy itself reads it into. A field that they do not have, a wrong type and
// a value against their rules are errors.
func readExample(text []byte) (*bootstrapv3.Bootstrap, error) {
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	b := new(bootstrapv3.Bootstrap)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: false}).Unmarshal(asJSON, b); err != nil {
		return nil, err
	}
	return b, validateAll(b)
}

// validateAll asks every message below m, also those in an Any, for its own rules.
func validateAll(m proto.Message) error {
	return protorange.Options{}.Range(m.ProtoReflect(), func(p protopath.Values) error {
		message, is := p.Index(-1).Value.Interface().(protoreflect.Message)
		if !is {
			return nil
		}
		if checked, has := message.Interface().(interface{ Validate() error }); has {
			return checked.Validate()
		}
		return nil
	}, nil)
}

// find returns the message of T's type behind the Anys of m.
func find[T proto.Message](t *testing.T, m proto.Message) T {
	t.Helper()
	var found []T
	err := protorange.Range(m.ProtoReflect(), func(p protopath.Values) error {
		message, is := p.Index(-1).Value.Interface().(protoreflect.Message)
		if !is {
			return nil
		}
		if holder, is := message.Interface().(*anypb.Any); is {
			inner, err := holder.UnmarshalNew()
			if err != nil {
				return err
			}
			if one, is := inner.(T); is {
				found = append(found, one)
			}
		}
		return nil
	})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d of %T in the example: %v", len(found), *new(T), err)
	}
	return found[0]
}

func example(t *testing.T, name string) *bootstrapv3.Bootstrap {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", "envoy", name))
	if err != nil {
		t.Fatal(err)
	}
	b, err := readExample(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

// TestRule28ExamplesForEnvoyFailClosed holds what the documentation promises of the examples (CVE-2024-23324).
func TestRule28ExamplesForEnvoyFailClosed(t *testing.T) {
	for _, name := range examples {
		t.Run(name, func(t *testing.T) {
			b := example(t, name)
			filter := find[*authfilterv3.ExtAuthz](t, b)
			body := filter.GetWithRequestBody()
			for what, holds := range map[string]bool{
				"failure_mode_allow is off":            !filter.GetFailureModeAllow(),
				"status_on_error is 503":               filter.GetStatusOnError().GetCode() == 503,
				"mutations are validated":              filter.GetValidateMutations(),
				"headers are raw":                      filter.GetEncodeRawHeaders(),
				"the body is sent":                     body.GetMaxRequestBytes() == 1<<20,
				"the body is never cut":                !body.GetAllowPartialMessage(),
				"the body is bytes":                    body.GetPackAsBytes() || filter.GetHttpService() != nil,
				"the filter is never off":              filter.GetFilterEnabled() == nil && filter.GetFilterEnabledMetadata() == nil,
				"it is no trial run":                   !filter.GetShadowMode(),
				"the route is chosen once":             !filter.GetClearRouteCache(),
				"every header is sent, by its default": filter.GetHttpService() != nil || filter.GetAllowedHeaders() == nil,
				"no header is held back":               filter.GetDisallowedHeaders() == nil,
				"the target stays":                     filter.GetHttpService().GetPathPrefix()+filter.GetHttpService().GetPathOverride() == "",
			} {
				if !holds {
					t.Errorf("not so: %s", what)
				}
			}
			if b.GetStaticResources().GetListeners()[0].GetFilterChains()[0].GetTransportSocket() == nil {
				t.Error("partners come without TLS")
			}
			if l := b.GetStaticResources().GetListeners()[0]; l.GetPerConnectionBufferLimitBytes().GetValue() < body.GetMaxRequestBytes() {
				t.Error("the buffer of a connection holds no whole body")
			}
		})
	}
}

// TestExamplesForEnvoyLeaveTheTargetAlone: what is verified is what is forwarded (security rule 13).
func TestExamplesForEnvoyLeaveTheTargetAlone(t *testing.T) {
	for _, name := range examples {
		t.Run(name, func(t *testing.T) {
			b := example(t, name)
			m := find[*managerv3.HttpConnectionManager](t, b)
			action := m.GetPathWithEscapedSlashesAction()
			for what, holds := range map[string]bool{
				"the path is not normalized, in so many words": m.GetNormalizePath() != nil && !m.GetNormalizePath().GetValue(),
				"slashes are not merged":                       !m.GetMergeSlashes(),
				"escaped slashes are not resolved": action == managerv3.HttpConnectionManager_KEEP_UNCHANGED ||
					action == managerv3.HttpConnectionManager_REJECT_REQUEST,
				"names with underscores are refused": m.GetCommonHttpProtocolOptions().GetHeadersWithUnderscoresAction() == 1,
				"nothing is upgraded":                len(m.GetUpgradeConfigs()) == 0,
				"the peer's address counts":          m.GetUseRemoteAddress().GetValue(),
				"x-request-id stays as it came":      m.GetGenerateRequestId() != nil && !m.GetGenerateRequestId().GetValue(),
			} {
				if !holds {
					t.Errorf("not so: %s", what)
				}
			}
			filters := m.GetHttpFilters()
			if len(filters) != 2 || filters[0].GetDisabled() || filters[0].GetIsOptional() {
				t.Fatalf("want the check first and nothing but the router behind it: %v", filters)
			}
			find[*authfilterv3.ExtAuthz](t, filters[0])
			find[*routerv3.Router](t, filters[1])
		})
	}
}

// TestExamplesForEnvoyNameEveryIdentityHeader: those that a caller sends are removed at the door of Envoy itself, those that an
// upstream answers with do not reach a caller, and over HTTP exactly those of ours reach the upstream.
func TestExamplesForEnvoyNameEveryIdentityHeader(t *testing.T) {
	var want []string
	for _, name := range door.IdentityNames() {
		want = append(want, strings.ToLower(name))
	}
	slices.Sort(want)
	for _, name := range examples {
		b := example(t, name)
		var early []string
		for _, m := range find[*earlyv3.HeaderMutation](t, b).GetMutations() {
			early = append(early, m.GetRemove())
		}
		answers := append(slices.Clone(find[*managerv3.HttpConnectionManager](t, b).GetRouteConfig().GetResponseHeadersToRemove()), "countersign-request-id") // which is the caller's to read
		for what, got := range map[string][]string{"removed at first": early, "removed from answers, and the request id": answers} {
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, what, diff)
			}
		}
		service := find[*authfilterv3.ExtAuthz](t, b).GetHttpService()
		if service == nil {
			continue
		}
		var passed []string
		for _, p := range service.GetAuthorizationResponse().GetAllowedUpstreamHeaders().GetPatterns() {
			passed = append(passed, p.GetExact())
		}
		slices.Sort(passed)
		if diff := cmp.Diff(want, passed); diff != "" {
			t.Errorf("%s: passed on (-want +got):\n%s", name, diff)
		}
		added := service.GetAuthorizationRequest().GetHeadersToAdd()
		if len(added) != 1 || added[0].GetKey() != "x-original-peer" || added[0].GetValue() != "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%" {
			t.Errorf("%s: the caller's address is not told: %v", name, added)
		}
	}
}

// TestAMisspeltFieldOfAnExampleFails: the tests above would see it.
func TestAMisspeltFieldOfAnExampleFails(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", "envoy", examples[0]))
	if err != nil {
		t.Fatal(err)
	}
	for old, changed := range map[string]string{
		"failure_mode_allow: false":      "failure_mode_alow: false",
		"pack_as_bytes: true":            "pack_as_byte: true",
		"code: ServiceUnavailable":       "code: Unavailable",
		"max_request_bytes: 1048576":     "max_request_bytes: 0", // against the rules of the message
		"suppress_envoy_headers: true":   "suppress_envoy_header: true",
		"timeout: 2s":                    "timeout: two seconds",
		"stat_prefix: partners":          `stat_prefix: ""`,
		"tls_minimum_protocol_version: ": "tls_minimum_version: ",
	} {
		if !strings.Contains(string(text), old) {
			t.Fatalf("the example has no %q", old)
		}
		if _, err := readExample([]byte(strings.Replace(string(text), old, changed, 1))); err == nil {
			t.Errorf("%q was taken", changed)
		}
	}
}
