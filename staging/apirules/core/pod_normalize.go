package core

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// NormalizePod brings a pod to its one form: both names of the service account, no negative grace period, podIP and
// hostIP as the first of podIPs and hostIPs, and without the annotations that held init containers before 1.8.
func NormalizePod(pod *v1.Pod) {
	NormalizePodSpec(&pod.Spec)
	dropInitContainerAnnotations(pod.Annotations)
	normalizePodIPs(&pod.Status)
	normalizeHostIPs(&pod.Status)
}

// NormalizePodTemplate is NormalizePodTemplateSpec for a PodTemplate.
func NormalizePodTemplate(t *v1.PodTemplate) { NormalizePodTemplateSpec(&t.Template) }

// NormalizePodTemplateSpec is NormalizePod for a template.
func NormalizePodTemplateSpec(t *v1.PodTemplateSpec) {
	NormalizePodSpec(&t.Spec)
	dropInitContainerAnnotations(t.Annotations)
}

// NormalizePodSpec makes serviceAccount and serviceAccountName equal and a negative grace period 1 second.
func NormalizePodSpec(s *v1.PodSpec) {
	if s.ServiceAccountName == "" {
		s.ServiceAccountName = s.DeprecatedServiceAccount
	}
	s.DeprecatedServiceAccount = s.ServiceAccountName
	if g := s.TerminationGracePeriodSeconds; g != nil && *g < 0 {
		s.TerminationGracePeriodSeconds = ptr.To[int64](1)
	}
}

// dropInitContainerAnnotations removes what servers before 1.8 wrote beside the init container fields.
func dropInitContainerAnnotations(annotations map[string]string) {
	for _, key := range []string{
		"pod.beta.kubernetes.io/init-containers",
		"pod.alpha.kubernetes.io/init-containers",
		"pod.beta.kubernetes.io/init-container-statuses",
		"pod.alpha.kubernetes.io/init-container-statuses",
	} {
		delete(annotations, key)
	}
}

// normalizePodIPs lets the old field win, since only a client that does not know the list can make the two differ.
func normalizePodIPs(s *v1.PodStatus) {
	if s.PodIP != "" && (len(s.PodIPs) == 0 || s.PodIPs[0].IP != s.PodIP) {
		s.PodIPs = []v1.PodIP{{IP: s.PodIP}}
	}
	if s.PodIP == "" && len(s.PodIPs) > 0 {
		s.PodIP = s.PodIPs[0].IP
	}
}

// normalizeHostIPs fills the list from the old field; a list that differs is left to validation.
func normalizeHostIPs(s *v1.PodStatus) {
	if s.HostIP != "" && len(s.HostIPs) == 0 {
		s.HostIPs = []v1.HostIP{{IP: s.HostIP}}
	}
}
