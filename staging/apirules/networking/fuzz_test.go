package networking

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[networkingv1.NetworkPolicy]{Default: SetNetworkPolicyDefaults, Validate: ValidateNetworkPolicy, Warnings: NetworkPolicyWarnings,
		Update: []func(_, _ *networkingv1.NetworkPolicy) field.ErrorList{ValidateNetworkPolicyUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[networkingv1.Ingress]{Validate: ValidateIngress, Warnings: IngressWarnings,
		Update: []func(_, _ *networkingv1.Ingress) field.ErrorList{ValidateIngressUpdate, ValidateIngressStatusUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[networkingv1.IngressClass]{Default: SetIngressClassDefaults, Validate: ValidateIngressClass,
		Update: []func(_, _ *networkingv1.IngressClass) field.ErrorList{ValidateIngressClassUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[networkingv1.IPAddress]{Validate: ValidateIPAddress,
		Update: []func(_, _ *networkingv1.IPAddress) field.ErrorList{ValidateIPAddressUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[networkingv1.ServiceCIDR]{Validate: ValidateServiceCIDR,
		Update: []func(_, _ *networkingv1.ServiceCIDR) field.ErrorList{ValidateServiceCIDRUpdate, ValidateServiceCIDRStatusUpdate}})
}
