package manifests_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	envoygateway "github.com/envoyproxy/gateway/api/v1alpha1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// settings is what the tests ask of a configuration; that it is a whole and right one is said by the program.
type settings struct {
	Ops   struct{ Listen string }
	Drain struct{ Lameduck, Deadline string }

	Register, Replay, Limits struct{ Engine string }
	Environments             map[string]struct {
		Listeners []struct{ Address string }
		Doors     []door
	}
}

type door struct {
	Kind, Address string
	ClientCAFile  string `json:"client_ca_file"`
	AllowPlain    bool   `json:"allow_plain"`
	MaxBody       string `json:"max_body"`
	Envoy         struct {
		WithRequestBody bool `json:"with_request_body"`
	}
}

// program builds the real one.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "countersign-manifests-*")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "countersign")
	build := exec.Command("go", "build", "-o", binary, "./cmd/countersign")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
})

// TestMain removes what program has built.
func TestMain(m *testing.M) {
	code := m.Run()
	if binary, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

// first is the first line of a file.
func first(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, file))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// shipped is one configuration and the pods that it is mounted in.
type shipped struct {
	set *apps.StatefulSet
	cfg settings
	raw string
}

// configurations reads them as the server does; a warning is a fault of what is shipped.
func configurations(t *testing.T) (all map[string]shipped) {
	t.Helper()
	all = map[string]shipped{}
	list := documents(t)
	each(t, list, func(d *document, m *core.ConfigMap) {
		text, ours := m.Data["countersign.yaml"]
		if !ours {
			return
		}
		one := shipped{raw: text}
		if err := yaml.Unmarshal([]byte(text), &one.cfg); err != nil {
			t.Fatalf("%s: %v", d, err)
		}
		each(t, list, func(_ *document, s *apps.StatefulSet) {
			for _, v := range s.Spec.Template.Spec.Volumes {
				if v.ConfigMap != nil && v.ConfigMap.Name == m.Name {
					one.set = s
				}
			}
		})
		if one.set == nil {
			t.Fatalf("%s: is mounted nowhere", d)
		}
		all[m.Name] = one
	})
	if len(all) != 2 {
		t.Fatalf("%d configurations", len(all))
	}
	return all
}

// TestConfigurationsFitTheirPods: ports, drain and paths of the configuration are those of the pod that it is mounted in.
func TestConfigurationsFitTheirPods(t *testing.T) {
	for name, one := range configurations(t) {
		pod := &one.set.Spec.Template.Spec
		c := pod.Containers[0]
		var want, got []int32
		for _, p := range c.Ports {
			got = append(got, p.ContainerPort)
		}
		addresses := []string{one.cfg.Ops.Listen}
		for _, e := range one.cfg.Environments {
			for _, l := range e.Listeners {
				addresses = append(addresses, l.Address)
			}
			for _, o := range e.Doors {
				addresses = append(addresses, o.Address)
			}
		}
		for _, a := range addresses {
			_, p, err := net.SplitHostPort(a)
			n, bad := strconv.Atoi(p)
			if err != nil || bad != nil || !strings.HasPrefix(a, "0.0.0.0:") {
				t.Errorf("%s listens on %s, where nobody of the cluster comes to", name, a)
			}
			want = append(want, int32(n))
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%s listens on %v, its pod says %v", name, want, got)
		}
		drain(t, name, span(t, one.cfg.Drain.Lameduck), span(t, one.cfg.Drain.Deadline), pod, c.ReadinessProbe)
		for _, p := range []*core.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
			if p.HTTPGet == nil || p.HTTPGet.Port.StrVal != "ops" {
				t.Errorf("%s: a probe asks elsewhere: %+v", name, p)
			}
		}
		if c.LivenessProbe.HTTPGet.Path != "/livez" || c.ReadinessProbe.HTTPGet.Path != "/readyz" {
			t.Errorf("%s: a process would be ended for a register that is away", name)
		}
		if one.cfg.Register.Engine != "postgres" || one.cfg.Replay.Engine != "valkey" || one.cfg.Limits.Engine != "valkey" {
			t.Errorf("%s: several nodes share nothing", name)
		}
		paths(t, name, one)
	}
}

// drain: the lame duck is as long as a node is still sent callers, and the kernel's end comes after everything.
func drain(t *testing.T, name string, lameduck, deadline time.Duration, pod *core.PodSpec, ready *core.Probe) {
	t.Helper()
	grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
	if grace < lameduck+deadline+20*time.Second {
		t.Errorf("%s: is ended after %s, and drains for %s and %s", name, grace, lameduck, deadline)
	}
	noticed := time.Duration(ready.PeriodSeconds*ready.FailureThreshold+ready.TimeoutSeconds) * time.Second
	if lameduck < noticed+5*time.Second {
		t.Errorf("%s: stops to listen after %s, and is found unready after %s", name, lameduck, noticed)
	}
	if pod.Containers[0].Lifecycle != nil {
		t.Errorf("%s: the lame duck is the server's own", name)
	}
}

// paths: every file that a configuration names lies in a mount, secrets in the folder of one's own and what is written in a claim.
func paths(t *testing.T, name string, one shipped) {
	t.Helper()
	mounts := map[string]core.VolumeMount{}
	for _, m := range one.set.Spec.Template.Spec.Containers[0].VolumeMounts {
		mounts[m.MountPath] = m
	}
	for _, w := range strings.FieldsFunc(one.raw, func(r rune) bool { return strings.ContainsRune(" \n{},", r) }) {
		if !strings.HasPrefix(w, "/") || strings.HasPrefix(w, "/api") || strings.HasPrefix(w, "/readyz") {
			continue
		}
		found := false
		for at, m := range mounts {
			if strings.HasPrefix(w, at+"/") {
				found = true
				if claim := strings.HasPrefix(w, "/var/lib/"); claim == m.ReadOnly {
					t.Errorf("%s: %s is in a mount that is read-only %v", name, w, m.ReadOnly)
				}
			}
		}
		if !found {
			t.Errorf("%s: %s is in no mount", name, w)
		}
	}
}

// TestConfigCheckTakesThem reads everything that they name as `countersign config check` does, over files of this test in the places of the
// mounts, with the modes that own-secrets and Kubernetes give them.
func TestConfigCheckTakesThem(t *testing.T) {
	for name, one := range configurations(t) {
		dir := t.TempDir()
		text := strings.ReplaceAll(one.raw, "countersign-valkey.countersign.svc:6379", "127.0.0.1:1") // where nobody answers
		for _, m := range one.set.Spec.Template.Spec.Containers[0].VolumeMounts {
			if m.MountPath != "/tmp" { // where dir may be
				text = strings.ReplaceAll(text, m.MountPath+"/", filepath.Join(dir, m.MountPath)+"/")
			}
			if err := os.MkdirAll(filepath.Join(dir, m.MountPath), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		certificate, key := pair(t)
		for file, f := range map[string]struct {
			text string
			mode os.FileMode
		}{
			"run/countersign/own/master.key":      {"countersign key ring 1\n00000001 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0o600},
			"run/countersign/own/checkpoint.key":  {"countersign-checkpoint-key-1 " + strings.Repeat("0a", 32) + "\n", 0o600},
			"run/countersign/own/register.url":    {"postgres://countersign:x@127.0.0.1:1/countersign?sslmode=verify-full&sslrootcert=" + dir + "/etc/countersign/postgres-ca/ca.crt\n", 0o600},
			"run/countersign/own/valkey-password": {"x\n", 0o600},
			"etc/countersign/tls/tls.crt":         {certificate, 0o440},
			"etc/countersign/tls/tls.key":         {key, 0o440},
			"etc/countersign/valkey-ca/ca.crt":    {certificate, 0o440},
			"etc/countersign/postgres-ca/ca.crt":  {certificate, 0o440},
			"etc/countersign/envoy-ca/ca.crt":     {certificate, 0o440},
			"etc/countersign/upstream-ca/ca.crt":  {certificate, 0o444},
			"countersign.yaml":                    {text, 0o600},
			"var/lib/countersign/data/digest.key": {"x", 0o600},
		} {
			file = filepath.Join(dir, file)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(f.text), f.mode); err != nil {
				t.Fatal(err)
			}
		}
		binary, err := program()
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), binary, "config", "check", filepath.Join(dir, "countersign.yaml")).CombinedOutput()
		offline(t, name, string(out), err)
	}
}

// offline holds what config check says to this: no database and no cache is reached here, and nothing else is wrong.
func offline(t *testing.T, name, out string, err error) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i, want := range []string{": register.url_file: open store: ", ": warning: valkey: the shared cache does not answer", ": 1 problem, 1 warning"} {
		if err == nil || len(lines) != 3 || !strings.Contains(lines[i], want) {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
}

func span(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// pair is a certificate for the names of the manifests, and its key.
func pair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"api.example.com", "countersign-authz.countersign.svc"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
}

// TestEnvoyAsksAndFailsClosed: the policy is on the Gateway, asks the door's port, is closed without an answer, sends whole bodies that the door takes,
// and every header; nobody but Countersign names a partner.
func TestEnvoyAsksAndFailsClosed(t *testing.T) {
	list, all := documents(t), configurations(t)
	door := all["countersign-authz"].cfg.Environments["production"].Doors[0]
	if door.Kind != "ext_authz" || !door.Envoy.WithRequestBody || door.AllowPlain || door.ClientCAFile == "" || door.MaxBody != "1MiB" {
		t.Errorf("the door is %+v", door)
	}
	each(t, list, func(d *document, p *envoygateway.SecurityPolicy) {
		a := p.Spec.ExtAuth
		if a == nil || a.FailOpen == nil || *a.FailOpen || a.StatusOnError == nil || *a.StatusOnError != 503 || len(a.HeadersToExtAuth) > 0 {
			t.Fatalf("%s: %+v", d, a)
		}
		if string(p.Spec.TargetRefs[0].Kind) != "Gateway" || p.Spec.TargetRefs[0].SectionName != nil {
			t.Errorf("%s: is on %+v, so that a new route would not be asked about", d, p.Spec.TargetRefs[0])
		}
		if a.BodyToExtAuth == nil || a.BodyToExtAuth.MaxRequestBytes > 1<<20 {
			t.Errorf("%s: bodies of %+v, the door takes %s", d, a.BodyToExtAuth, door.MaxBody)
		}
		ref := a.GRPC.BackendRefs[0]
		if !strings.HasSuffix(door.Address, ":"+strconv.Itoa(int(*ref.Port))) || string(ref.Name) != "countersign-authz" {
			t.Errorf("%s: asks %s:%d", d, ref.Name, *ref.Port)
		}
	})
	each(t, list, func(d *document, p *envoygateway.ClientTrafficPolicy) {
		h := p.Spec.Headers
		if h == nil || h.WithUnderscoresAction == nil || *h.WithUnderscoresAction != envoygateway.WithUnderscoresActionRejectRequest {
			t.Errorf("%s: names with underscores pass", d)
		}
		for _, name := range []string{"partner", "credential", "environment", "api", "request-id", "client-address"} {
			if h.EarlyRequestHeaders == nil || !slices.Contains(h.EarlyRequestHeaders.Remove, "countersign-"+name) {
				t.Errorf("%s: a caller may send countersign-%s", d, name)
			}
		}
		if s := p.Spec.Path; s == nil || s.DisableMergeSlashes == nil || !*s.DisableMergeSlashes || *s.EscapedSlashesAction != envoygateway.KeepUnchangedAction {
			t.Errorf("%s: targets are changed before they are asked about: %+v", d, s)
		}
	})
}
