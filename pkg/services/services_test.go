package services

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestForProxy(t *testing.T) {
	for name, test := range map[string]struct {
		svc  corev1.Service
		want bool
	}{
		"cluster address": {corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.1"}}, true},
		"no address yet":  {corev1.Service{}, false},
		"headless":        {corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "None"}}, false},
		"external name":   {corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ClusterIP: "10.0.0.1"}}, false},
		"other proxy": {corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{ProxyNameLabel: ""}},
			Spec:       corev1.ServiceSpec{ClusterIP: "10.0.0.1"},
		}, false},
		"labelled headless, with an address": {corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{corev1.IsHeadlessService: ""}},
			Spec:       corev1.ServiceSpec{ClusterIP: "10.0.0.1"},
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ForProxy(&test.svc); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestPolicies(t *testing.T) {
	local := corev1.ServiceInternalTrafficPolicyLocal
	for name, test := range map[string]struct {
		spec                          corev1.ServiceSpec
		external, internal, healthNow bool
	}{
		"defaults": {},
		"external local of a node port": {
			spec:     corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal},
			external: true,
		},
		"external local means nothing without outer addresses": {
			spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal},
		},
		"load balancer with health check": {
			spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, HealthCheckNodePort: 30000,
				ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal},
			external: true, healthNow: true,
		},
		"load balancer with cluster policy": {
			spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, HealthCheckNodePort: 30000,
				ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyCluster},
		},
		"internal local": {spec: corev1.ServiceSpec{InternalTrafficPolicy: &local}, internal: true},
	} {
		t.Run(name, func(t *testing.T) {
			svc := &corev1.Service{Spec: test.spec}
			if got := ExternalPolicyLocal(svc); got != test.external {
				t.Errorf("external: got %v, want %v", got, test.external)
			}
			if got := InternalPolicyLocal(svc); got != test.internal {
				t.Errorf("internal: got %v, want %v", got, test.internal)
			}
			if got := NeedsHealthCheck(svc); got != test.healthNow {
				t.Errorf("health check: got %v, want %v", got, test.healthNow)
			}
		})
	}
}

func TestAffinityTimeout(t *testing.T) {
	ten := int32(10)
	for name, test := range map[string]struct {
		spec corev1.ServiceSpec
		want time.Duration
	}{
		"none":    {corev1.ServiceSpec{SessionAffinity: corev1.ServiceAffinityNone}, 0},
		"default": {corev1.ServiceSpec{SessionAffinity: corev1.ServiceAffinityClientIP}, 3 * time.Hour},
		"given": {corev1.ServiceSpec{SessionAffinity: corev1.ServiceAffinityClientIP,
			SessionAffinityConfig: &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: &ten}}}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := AffinityTimeout(&corev1.Service{Spec: test.spec}); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestClusterIPs(t *testing.T) {
	if got := ClusterIPs(&corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.1"}}); len(got) != 1 || got[0] != "10.0.0.1" {
		t.Errorf("single field: got %v", got)
	}
	if got := ClusterIPs(&corev1.Service{}); got != nil {
		t.Errorf("none: got %v", got)
	}
}
