package dns

import (
	"net/netip"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// Params choose the objects.
type Params struct {
	// ClusterIPs are the addresses pods ask, at most one per family.
	ClusterIPs []netip.Addr
	// Domain of the cluster, such as cluster.local.
	Domain string
	// Image of CoreDNS. It is not pulled when the node has it.
	Image    string
	Replicas int32
	Upstream Upstream
	// PreferredNode is the name of a node on which it runs if it can; empty for none.
	PreferredNode string
}

// Names that others know: upstream's, so that tools find the name service.
const (
	Namespace      = "kube-system"
	ServiceName    = "kube-dns"
	DeploymentName = "coredns"

	roleName = "system:coredns"
	// Ports in the container.
	portDNS, portMetrics, portHealth, portReady = 53, 9153, 8080, 8181
)

func labels() map[string]string { return map[string]string{"k8s-app": "kube-dns"} }

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: Namespace, Name: name, Labels: labels()}
}

func kind(version, name string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: version, Kind: name}
}

// Objects returns what the name service consists of, in the order to create it.
func Objects(p Params) []runtime.Object {
	return []runtime.Object{
		&corev1.ServiceAccount{TypeMeta: kind("v1", "ServiceAccount"), ObjectMeta: meta(DeploymentName)},
		clusterRole(),
		clusterRoleBinding(),
		&corev1.ConfigMap{
			TypeMeta: kind("v1", "ConfigMap"), ObjectMeta: meta(DeploymentName),
			Data: map[string]string{"Corefile": corefile(p.Domain, p.Upstream)},
		},
		service(p),
		deployment(p),
	}
}

func clusterRole() *rbacv1.ClusterRole {
	read := []string{"list", "watch"}
	return &rbacv1.ClusterRole{
		TypeMeta:   kind("rbac.authorization.k8s.io/v1", "ClusterRole"),
		ObjectMeta: metav1.ObjectMeta{Name: roleName, Labels: map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"}},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"endpoints", "services", "pods", "namespaces"}, Verbs: read},
			{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: read},
		},
	}
}

func clusterRoleBinding() *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		TypeMeta:   kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
		ObjectMeta: metav1.ObjectMeta{Name: roleName, Labels: map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: roleName},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: Namespace, Name: DeploymentName}},
	}
}

func service(p Params) *corev1.Service {
	svc := &corev1.Service{
		TypeMeta: kind("v1", "Service"), ObjectMeta: meta(ServiceName),
		Spec: corev1.ServiceSpec{
			Selector: labels(),
			Ports: []corev1.ServicePort{
				{Name: "dns", Port: portDNS, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromInt32(portDNS)},
				{Name: "dns-tcp", Port: portDNS, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(portDNS)},
				{Name: "metrics", Port: portMetrics, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(portMetrics)},
			},
		},
	}
	svc.Labels["kubernetes.io/cluster-service"] = "true"
	svc.Labels["kubernetes.io/name"] = "CoreDNS"
	svc.Annotations = map[string]string{"prometheus.io/port": strconv.Itoa(portMetrics), "prometheus.io/scrape": "true"}
	for _, addr := range p.ClusterIPs {
		svc.Spec.ClusterIPs = append(svc.Spec.ClusterIPs, addr.String())
	}
	if len(p.ClusterIPs) > 0 {
		svc.Spec.ClusterIP = svc.Spec.ClusterIPs[0]
	}
	if len(p.ClusterIPs) > 1 {
		svc.Spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicyRequireDualStack)
	}
	return svc
}

func deployment(p Params) *appsv1.Deployment {
	return &appsv1.Deployment{
		TypeMeta: kind("apps/v1", "Deployment"), ObjectMeta: meta(DeploymentName),
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(p.Replicas),
			Selector: &metav1.LabelSelector{MatchLabels: labels()},
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: ptr.To(intstr.FromInt32(1))},
			},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels()}, Spec: podSpec(p)},
		},
	}
}

func podSpec(p Params) corev1.PodSpec {
	return corev1.PodSpec{
		PriorityClassName:  "system-cluster-critical",
		ServiceAccountName: DeploymentName,
		// Not the cluster's own: CoreDNS would ask itself.
		DNSPolicy:    corev1.DNSDefault,
		NodeSelector: map[string]string{corev1.LabelOSStable: "linux"},
		Tolerations: []corev1.Toleration{
			{Key: "CriticalAddonsOnly", Operator: corev1.TolerationOpExists},
			{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule},
		},
		Affinity: &corev1.Affinity{NodeAffinity: preferred(p.PreferredNode), PodAntiAffinity: &corev1.PodAntiAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
				Weight: 100,
				PodAffinityTerm: corev1.PodAffinityTerm{
					LabelSelector: &metav1.LabelSelector{MatchLabels: labels()}, TopologyKey: corev1.LabelHostname,
				},
			}},
		}},
		Containers: []corev1.Container{container(p)},
		Volumes: []corev1.Volume{{
			Name: "config-volume",
			VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: DeploymentName},
				Items:                []corev1.KeyToPath{{Key: "Corefile", Path: "Corefile"}},
			}},
		}},
	}
}

func preferred(node string) *corev1.NodeAffinity {
	if node == "" {
		return nil
	}
	return &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
		Weight: 100,
		Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{
			Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node},
		}}},
	}}}
}

func container(p Params) corev1.Container {
	return corev1.Container{
		Name:            "coredns",
		Image:           p.Image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Args:            []string{"-conf", "/etc/coredns/Corefile"},
		Ports: []corev1.ContainerPort{
			{Name: "dns", ContainerPort: portDNS, Protocol: corev1.ProtocolUDP},
			{Name: "dns-tcp", ContainerPort: portDNS, Protocol: corev1.ProtocolTCP},
			{Name: "metrics", ContainerPort: portMetrics, Protocol: corev1.ProtocolTCP},
		},
		VolumeMounts: []corev1.VolumeMount{{Name: "config-volume", MountPath: "/etc/coredns", ReadOnly: true}},
		Resources: corev1.ResourceRequirements{
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("170Mi")},
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("70Mi")},
		},
		LivenessProbe: probe("/health", portHealth, 60, 10, 5),
		// Often, so that names resolve as soon as CoreDNS has its first list.
		ReadinessProbe: probe("/ready", portReady, 0, 1, 3),
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			ReadOnlyRootFilesystem:   ptr.To(true),
			Capabilities: &corev1.Capabilities{
				Add:  []corev1.Capability{"NET_BIND_SERVICE"},
				Drop: []corev1.Capability{"ALL"},
			},
		},
	}
}

// probe asks over HTTP; delay and period are seconds.
func probe(path string, port, delay, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:        corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(port), Scheme: corev1.URISchemeHTTP}},
		InitialDelaySeconds: delay, PeriodSeconds: period, TimeoutSeconds: min(period, 5), SuccessThreshold: 1, FailureThreshold: failures,
	}
}
