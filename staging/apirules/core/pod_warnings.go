package core

import (
	"fmt"
	"sort"
	"strings"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PodWarnings tells what is accepted in a new pod, or new in a changed one, but better avoided: deprecated fields,
// labels and annotations, and values that cancel each other.
func PodWarnings(newPod, old *v1.Pod) []string {
	if old != nil && apiequality.Semantic.DeepEqual(newPod.Spec, old.Spec) && apiequality.Semantic.DeepEqual(newPod.Annotations, old.Annotations) {
		return nil
	}
	var oldMeta *metav1.ObjectMeta
	if old != nil {
		oldMeta = &old.ObjectMeta
	}
	return specWarnings(&newPod.ObjectMeta, &newPod.Spec, oldMeta, field.NewPath("metadata"), field.NewPath("spec"))
}

// PodTemplateWarnings is PodTemplateSpecWarnings for a PodTemplate.
func PodTemplateWarnings(newT, old *v1.PodTemplate) []string {
	if old != nil {
		return PodTemplateSpecWarnings(&newT.Template, &old.Template, field.NewPath("template"))
	}
	return PodTemplateSpecWarnings(&newT.Template, nil, field.NewPath("template"))
}

// PodTemplateSpecWarnings is PodWarnings for a template at p.
func PodTemplateSpecWarnings(t, old *v1.PodTemplateSpec, p *field.Path) []string {
	if old != nil && apiequality.Semantic.DeepEqual(t, old) {
		return nil
	}
	var oldMeta *metav1.ObjectMeta
	if old != nil {
		oldMeta = &old.ObjectMeta
	}
	return specWarnings(&t.ObjectMeta, &t.Spec, oldMeta, p.Child("metadata"), p.Child("spec"))
}

// warner collects warnings.
type warner struct {
	out []string
}

func (w *warner) add(format string, args ...any) { w.out = append(w.out, fmt.Sprintf(format, args...)) }

func specWarnings(m *metav1.ObjectMeta, s *v1.PodSpec, oldMeta *metav1.ObjectMeta, mp, p *field.Path) []string {
	w := &warner{}
	w.labels(s, p)
	w.volumes(s, p.Child("volumes"))
	w.names(s, p)
	w.selectors(s, p)
	w.annotations(m, oldMeta, mp.Child("annotations"))
	w.containers(s, p)
	return w.out
}

// deprecatedNodeLabels maps labels of nodes to those that took their place.
func deprecatedNodeLabels() map[string]string {
	return map[string]string{
		"beta.kubernetes.io/arch":                  "use \"kubernetes.io/arch\" instead",
		"beta.kubernetes.io/os":                    "use \"kubernetes.io/os\" instead",
		"failure-domain.beta.kubernetes.io/region": "use \"topology.kubernetes.io/region\" instead",
		"failure-domain.beta.kubernetes.io/zone":   "use \"topology.kubernetes.io/zone\" instead",
		"beta.kubernetes.io/instance-type":         "use \"node.kubernetes.io/instance-type\" instead",
	}
}

// NodeSelectorWarnings tells of deprecated labels of nodes in a selector at p.
func NodeSelectorWarnings(selector map[string]string, p *field.Path) []string {
	var out []string
	for old, instead := range deprecatedNodeLabels() {
		if _, ok := selector[old]; ok {
			out = append(out, fmt.Sprintf("%s: deprecated since v1.14; %s", p.Key(old), instead))
		}
	}
	sort.Strings(out)
	return out
}

func (w *warner) labels(s *v1.PodSpec, p *field.Path) {
	deprecated := deprecatedNodeLabels()
	key := func(k string, p *field.Path) {
		if instead, ok := deprecated[k]; ok {
			w.add("%s: %s is deprecated since v1.14; %s", p, k, instead)
		}
	}
	w.out = append(w.out, NodeSelectorWarnings(s.NodeSelector, p.Child("nodeSelector"))...)
	if s.Affinity != nil && s.Affinity.NodeAffinity != nil {
		ap := p.Child("affinity", "nodeAffinity")
		if r := s.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution; r != nil {
			for i, t := range r.NodeSelectorTerms {
				for j, e := range t.MatchExpressions {
					key(e.Key, ap.Child(requiredTerms, "nodeSelectorTerms").Index(i).Child("matchExpressions").Index(j).Child("key"))
				}
			}
		}
		for i, t := range s.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
			for j, e := range t.Preference.MatchExpressions {
				key(e.Key, ap.Child(preferredTerms).Index(i).Child("preference", "matchExpressions").Index(j).Child("key"))
			}
		}
	}
	for i := range s.TopologySpreadConstraints {
		key(s.TopologySpreadConstraints[i].TopologyKey, p.Child("topologySpreadConstraints").Index(i).Child("topologyKey"))
	}
}

// volumes tells of sources that have no driver any more.
func (w *warner) volumes(s *v1.PodSpec, p *field.Path) {
	for i := range s.Volumes {
		v, vp := &s.Volumes[i], p.Index(i)
		gone := func(set bool, name, words string) {
			if set {
				w.add("%s: %s", vp.Child(name), words)
			}
		}
		gone(v.PhotonPersistentDisk != nil, "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+")
		gone(v.GitRepo != nil, "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+")
		gone(v.ScaleIO != nil, "scaleIO", "deprecated in v1.16, non-functional in v1.22+")
		gone(v.Flocker != nil, "flocker", "deprecated in v1.22, non-functional in v1.25+")
		gone(v.StorageOS != nil, "storageOS", "deprecated in v1.22, non-functional in v1.25+")
		gone(v.Quobyte != nil, "quobyte", "deprecated in v1.22, non-functional in v1.25+")
		gone(v.Glusterfs != nil, "glusterfs", "deprecated in v1.25, non-functional in v1.26+")
		gone(v.CephFS != nil, "cephfs", "deprecated in v1.28, non-functional in v1.31+")
		gone(v.RBD != nil, "rbd", "deprecated in v1.28, non-functional in v1.31+")
		if v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil {
			w.out = append(w.out, PersistentVolumeClaimSpecWarnings(&v.Ephemeral.VolumeClaimTemplate.Spec, vp.Child("ephemeral", "volumeClaimTemplate", "spec"))...)
		}
	}
}

// names tells of pull secrets without a name, of names that are doubled, and of names that are no host names.
func (w *warner) names(s *v1.PodSpec, p *field.Path) {
	for i, ref := range s.ImagePullSecrets {
		if strings.TrimSpace(ref.Name) == "" {
			w.add("%s: invalid empty name %q", p.Child("imagePullSecrets").Index(i).Child("name"), ref.Name)
		}
	}
	seen := map[string]int{}
	for i, alias := range s.HostAliases {
		if first, ok := seen[alias.IP]; ok {
			w.add("%s: duplicate ip with %s", p.Child("hostAliases").Index(i), p.Child("hostAliases").Index(first))
			continue
		}
		seen[alias.IP] = i
	}
	for i, alias := range s.HostAliases {
		w.out = append(w.out, ipWarnings(alias.IP, p.Child("hostAliases").Index(i).Child("ip"))...)
	}
	if s.DNSConfig != nil {
		for i, ns := range s.DNSConfig.Nameservers {
			w.out = append(w.out, ipWarnings(ns, p.Child("dnsConfig", "nameservers").Index(i))...)
		}
	}
}

// selectors tells of affinity and spreading that select nothing.
func (w *warner) selectors(s *v1.PodSpec, p *field.Path) {
	terms := func(required []v1.PodAffinityTerm, preferred []v1.WeightedPodAffinityTerm, ap *field.Path) {
		for i := range required {
			if required[i].LabelSelector == nil {
				w.add("%s: a null labelSelector results in matching no pod", ap.Child(requiredTerms).Index(i).Child("labelSelector"))
			}
		}
		for i := range preferred {
			if preferred[i].PodAffinityTerm.LabelSelector == nil {
				w.add("%s: a null labelSelector results in matching no pod", ap.Child(preferredTerms).Index(i).Child("podAffinityTerm", "labelSelector"))
			}
		}
	}
	if s.Affinity != nil {
		if a := s.Affinity.PodAffinity; a != nil {
			terms(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution, p.Child("affinity", "podAffinity"))
		}
		if a := s.Affinity.PodAntiAffinity; a != nil {
			terms(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution, p.Child("affinity", "podAntiAffinity"))
		}
	}
	for i := range s.TopologySpreadConstraints {
		if s.TopologySpreadConstraints[i].LabelSelector == nil {
			w.add("%s: a null labelSelector results in matching no pod", p.Child("topologySpreadConstraints").Index(i).Child("labelSelector"))
		}
	}
}

func (w *warner) annotations(m, old *metav1.ObjectMeta, p *field.Path) {
	known := map[string]string{
		"scheduler.alpha.kubernetes.io/critical-pod":  `non-functional in v1.16+; use the "priorityClassName" field instead`,
		"security.alpha.kubernetes.io/sysctls":        `non-functional in v1.11+; use the "sysctls" field instead`,
		"security.alpha.kubernetes.io/unsafe-sysctls": `non-functional in v1.11+; use the "sysctls" field instead`,
		v1.SeccompPodAnnotationKey:                    `non-functional in v1.27+; use the "seccompProfile" field instead`,
	}
	for key := range m.Annotations {
		if old != nil {
			if _, had := old.Annotations[key]; had {
				continue
			}
		}
		switch words, ok := known[key]; {
		case ok:
			w.add("%s: %s", p.Key(key), words)
		case strings.HasPrefix(key, v1.SeccompContainerAnnotationKeyPrefix):
			w.add("%s: non-functional in v1.27+; use the \"seccompProfile\" field instead", p.Key(key))
		case strings.HasPrefix(key, v1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix):
			w.add("%s: deprecated since v1.30; use the \"appArmorProfile\" field instead", p.Key(key))
		}
	}
}

func (w *warner) containers(s *v1.PodSpec, p *field.Path) {
	forEachContainerPath(s, p, func(c *v1.Container, cp *field.Path) {
		w.env(c, cp.Child("env"))
		w.portNames(c, cp.Child("ports"))
		for _, l := range []struct {
			list v1.ResourceList
			name string
		}{{c.Resources.Limits, "limits"}, {c.Resources.Requests, "requests"}} {
			for _, name := range []v1.ResourceName{v1.ResourceMemory, v1.ResourceEphemeralStorage} {
				if q, ok := l.list[name]; ok && q.MilliValue()%1000 != 0 {
					w.add("%s: fractional byte value %q is invalid, must be an integer", cp.Child("resources", l.name).Key(string(name)), q.String())
				}
			}
		}
	})
	w.portConflicts(s, p)
}

// env tells of variables that hide each other. A later value may be built from the earlier one of the same name.
func (w *warner) env(c *v1.Container, p *field.Path) {
	first := sets.New[string]()
	for i, e := range c.Env {
		if first.Has(e.Name) && !strings.Contains(e.Value, "$("+e.Name+")") {
			w.add("%s: hides previous definition of %q, which may be dropped when using apply", p.Index(i), e.Name)
		}
		first.Insert(e.Name)
	}
}

// portNames tells of a port that is listed twice in one container.
func (w *warner) portNames(c *v1.Container, p *field.Path) {
	type key struct {
		port     int32
		hostPort int32
		hostIP   string
		protocol v1.Protocol
	}
	first := map[key]int{}
	for i, port := range c.Ports {
		k := key{port.ContainerPort, port.HostPort, port.HostIP, port.Protocol}
		if j, ok := first[k]; ok {
			w.add("%s: duplicate port definition with %s", p.Index(i), p.Index(j))
			continue
		}
		first[k] = i
		w.hostIP(port.HostIP, p.Index(i).Child("hostIP"))
	}
}

func (w *warner) hostIP(ip string, p *field.Path) {
	if ip != "" {
		w.out = append(w.out, ipWarnings(ip, p)...)
	}
}

// portConflicts tells of the same port in two containers that run side by side.
func (w *warner) portConflicts(s *v1.PodSpec, p *field.Path) {
	type key struct {
		port     int32
		protocol v1.Protocol
	}
	first := map[key]*field.Path{}
	visit := func(c *v1.Container, cp *field.Path) {
		own := sets.New[key]()
		for i, port := range c.Ports {
			k := key{port.ContainerPort, port.Protocol}
			pp := cp.Child("ports").Index(i)
			if other, ok := first[k]; ok && !own.Has(k) {
				w.add("%s: duplicate port definition with %s", pp, other)
				continue
			}
			own.Insert(k)
			if first[k] == nil {
				first[k] = pp
			}
		}
	}
	for i := range s.InitContainers {
		if isSidecar(&s.InitContainers[i]) {
			visit(&s.InitContainers[i], p.Child("initContainers").Index(i))
		}
	}
	for i := range s.Containers {
		visit(&s.Containers[i], p.Child("containers").Index(i))
	}
}
