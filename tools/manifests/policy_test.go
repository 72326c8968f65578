package manifests_test

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
)

// TestPodsAreRestricted: the "restricted" standard of Kubernetes, a root file system that nobody writes, and no token of the cluster.
func TestPodsAreRestricted(t *testing.T) {
	each(t, documents(t), func(d *document, s *apps.StatefulSet) {
		pod := &s.Spec.Template.Spec
		if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
			t.Errorf("%s: a token of the cluster is mounted", d)
		}
		if pod.HostNetwork || pod.HostPID || pod.HostIPC || pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
			t.Errorf("%s: shares something with its machine, or gets variables of services", d)
		}
		c := pod.SecurityContext
		if c == nil || c.RunAsNonRoot == nil || !*c.RunAsNonRoot || c.RunAsUser == nil || *c.RunAsUser == 0 || c.SeccompProfile == nil || c.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: the pod's security context is %+v", d, c)
		}
		for _, v := range pod.Volumes {
			if v.HostPath != nil {
				t.Errorf("%s: mounts a path of its machine", d)
			}
			if v.Secret != nil && (v.Secret.DefaultMode == nil || *v.Secret.DefaultMode != 0o440) {
				t.Errorf("%s: %s has no mode 0440", d, v.Name)
			}
			if v.EmptyDir != nil && v.EmptyDir.SizeLimit == nil {
				t.Errorf("%s: %s has no bound", d, v.Name)
			}
		}
		for _, one := range slices.Concat(pod.InitContainers, pod.Containers) {
			restricted(t, d, &one)
			mounts(t, d, pod, s, &one)
		}
		for _, one := range pod.Containers {
			if one.LivenessProbe == nil || one.ReadinessProbe == nil {
				t.Errorf("%s: %s has no probes", d, one.Name)
			}
		}
	})
}

var pinned = regexp.MustCompile(`^docker\.io/[a-z/]+:[0-9]+\.[0-9.]+-[a-z]+$`)

func restricted(t *testing.T, d *document, c *core.Container) {
	t.Helper()
	s := c.SecurityContext
	if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
		s.Privileged != nil || s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
		t.Errorf("%s: the security context of %s is %+v", d, c.Name, s)
	}
	for _, name := range []core.ResourceName{core.ResourceCPU, core.ResourceMemory} {
		request, limit := c.Resources.Requests[name], c.Resources.Limits[name]
		if request.IsZero() || limit.Cmp(request) < 0 {
			t.Errorf("%s: %s asks for %s of %s and may have %s", d, c.Name, &request, name, &limit)
		}
	}
	if c.Image != "registry.example/countersign:1" && !pinned.MatchString(c.Image) { // ours: the kustomization says which
		t.Errorf("%s: the image %s of %s names no version", d, c.Image, c.Name)
	}
	for _, v := range c.Env {
		if name := strings.ToUpper(v.Name); regexp.MustCompile(`KEY|SECRET|TOKEN|PASSWORD`).MatchString(name) && !strings.HasSuffix(name, "_FILE") {
			t.Errorf("%s: %s may hold a secret in a variable", d, v.Name)
		}
	}
}

// mounts holds each mount to a volume that is there.
func mounts(t *testing.T, d *document, pod *core.PodSpec, s *apps.StatefulSet, c *core.Container) {
	t.Helper()
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, v := range s.Spec.VolumeClaimTemplates {
		volumes[v.Name] = true
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("%s: %s mounts %s, which is no volume", d, c.Name, m.Name)
		}
	}
}

// TestNoSecretIsShipped: neither as a Secret nor within something else.
func TestNoSecretIsShipped(t *testing.T) {
	suspect := regexp.MustCompile(`(?i)kind: Secret\n|stringData|BEGIN [A-Z ]*PRIVATE|postgres(ql)?://[^ ]*:[^ ]*@`)
	for _, d := range documents(t) {
		if found := suspect.Find(d.text); found != nil && !strings.Contains(string(found), "clientCertificateRef") {
			t.Errorf("%s: has %q", d, found)
		}
	}
}

// selects reports whether labels are selected.
func selects(selector, labels map[string]string) bool {
	if len(selector) == 0 {
		return false
	}
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// spreads: a set selects its own pods, also where it spreads them.
func spreads(t *testing.T, d *document, s *apps.StatefulSet) {
	t.Helper()
	labels := s.Spec.Template.Labels
	if !maps.Equal(s.Spec.Selector.MatchLabels, labels) {
		t.Errorf("%s: selects %v, and has %v", d, s.Spec.Selector.MatchLabels, labels)
	}
	for _, c := range s.Spec.Template.Spec.TopologySpreadConstraints {
		if !maps.Equal(c.LabelSelector.MatchLabels, labels) {
			t.Errorf("%s: spreads %v", d, c.LabelSelector.MatchLabels)
		}
	}
}

// TestSelectorsMatch: everything that selects pods selects those of exactly one StatefulSet, where it names a port by a name that this has.
func TestSelectorsMatch(t *testing.T) {
	list := documents(t)
	sets := map[string]*apps.StatefulSet{}
	each(t, list, func(d *document, s *apps.StatefulSet) {
		sets[s.Name] = s
		spreads(t, d, s)
	})
	only := func(d *document, selector map[string]string) *apps.StatefulSet {
		t.Helper()
		var found []*apps.StatefulSet
		for _, s := range sets {
			if selects(selector, s.Spec.Template.Labels) {
				found = append(found, s)
			}
		}
		if len(found) != 1 {
			t.Fatalf("%s: %v selects %d sets", d, selector, len(found))
		}
		return found[0]
	}
	services := map[string]bool{}
	each(t, list, func(d *document, s *core.Service) {
		services[s.Name] = true
		set := only(d, s.Spec.Selector)
		for _, p := range s.Spec.Ports {
			if port(set, p.TargetPort.StrVal) == 0 {
				t.Errorf("%s: %s has no port %s", d, set.Name, &p.TargetPort)
			}
		}
	})
	each(t, list, func(d *document, s *apps.StatefulSet) {
		if !services[s.Spec.ServiceName] {
			t.Errorf("%s: there is no service %s", d, s.Spec.ServiceName)
		}
	})
	budgetsAndScaling(t, list, sets, only)
	each(t, list, func(d *document, p *networking.NetworkPolicy) {
		set := only(d, p.Spec.PodSelector.MatchLabels)
		if !slices.Contains(p.Spec.PolicyTypes, networking.PolicyTypeEgress) || !slices.Contains(p.Spec.PolicyTypes, networking.PolicyTypeIngress) {
			t.Errorf("%s: leaves a direction open", d)
		}
		for _, in := range p.Spec.Ingress {
			for _, one := range in.Ports {
				if port(set, one.Port.StrVal) == 0 {
					t.Errorf("%s: %s has no port %s", d, set.Name, one.Port)
				}
			}
		}
		delete(sets, set.Name)
	})
	if len(sets) > 0 {
		t.Errorf("%v have no NetworkPolicy", slices.Collect(maps.Keys(sets)))
	}
}

// budgetsAndScaling: one node may be away at a time, and how many there are is said in one place.
func budgetsAndScaling(t *testing.T, list []*document, sets map[string]*apps.StatefulSet, only func(*document, map[string]string) *apps.StatefulSet) {
	t.Helper()
	each(t, list, func(d *document, b *policy.PodDisruptionBudget) {
		only(d, b.Spec.Selector.MatchLabels)
		if b.Spec.MaxUnavailable == nil || b.Spec.MaxUnavailable.IntValue() != 1 {
			t.Errorf("%s: more than one may be away", d)
		}
	})
	each(t, list, func(d *document, h *autoscaling.HorizontalPodAutoscaler) {
		target := sets[h.Spec.ScaleTargetRef.Name]
		if target == nil || h.Spec.ScaleTargetRef.Kind != "StatefulSet" || target.Spec.Replicas != nil || h.Spec.MinReplicas == nil || *h.Spec.MinReplicas < 2 {
			t.Errorf("%s: scales %+v", d, h.Spec.ScaleTargetRef)
		}
	})
}

// port is the number of a named port; 0: there is none.
func port(s *apps.StatefulSet, name string) int32 {
	for _, c := range s.Spec.Template.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == name {
				return p.ContainerPort
			}
		}
	}
	return 0
}

// TestReferencesSayWhatTheyAre: nobody takes them for more.
func TestReferencesSayWhatTheyAre(t *testing.T) {
	for _, d := range documents(t) {
		if strings.HasPrefix(d.file, "reference"+string(filepath.Separator)) && d.head.Kind == "StatefulSet" {
			first := first(t, d.file)
			if !strings.Contains(first, "REFERENCE, NOT FOR PRODUCTION DATA") {
				t.Errorf("%s begins %q", d.file, first)
			}
		}
	}
}
