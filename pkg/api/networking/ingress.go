package networking

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/networking"
)

func ingress() apidef.Definition {
	type object = *networkingv1.Ingress
	doc := networkingv1.IngressSpec{}.SwaggerDoc()
	return (&apidef.Resource[networkingv1.Ingress, object]{
		Names: apidef.Names{
			Kind:          networkingv1.SchemeGroupVersion.WithKind("Ingress"),
			Plural:        "ingresses",
			Singular:      "ingress",
			ShortNames:    []string{"ing"},
			StoragePrefix: "ingress",
		},
		NewList:        func() runtime.Object { return &networkingv1.IngressList{} },
		Validate:       rules.ValidateIngress,
		ValidateUpdate: rules.ValidateIngressUpdate,
		ValidateStatus: rules.ValidateIngressStatusUpdate,
		Warnings:       rules.IngressWarnings,
		Spec:           apidef.Field(func(i object) *networkingv1.IngressSpec { return &i.Spec }),
		Status:         apidef.Field(func(i object) *networkingv1.IngressStatus { return &i.Status }),
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Class", Description: doc["ingressClassName"], Value: func(i object) any { return columns.Deref(i.Spec.IngressClassName, columns.None) }},
			{Name: "Hosts", Description: "Hosts that incoming requests are matched against before the ingress rule",
				Value: func(i object) any { return hostsCell(i.Spec.Rules) }},
			{Name: "Address", Description: "Address is a list containing ingress points for the load-balancer", Value: func(i object) any {
				return columns.Addresses(i.Status.LoadBalancer.Ingress, func(i networkingv1.IngressLoadBalancerIngress) (string, string) { return i.IP, i.Hostname })
			}},
			{Name: "Ports", Description: "Ports of TLS configurations that open", Value: func(i object) any {
				if len(i.Spec.TLS) > 0 {
					return "80, 443"
				}
				return "80"
			}},
			apidef.Age[object](),
		},
	}).Define()
}

// hostsCell shows the hosts of the first rules; rules without one are for all hosts.
func hostsCell(rules []networkingv1.IngressRule) string {
	const shown = 3
	var hosts []string
	more := false
	for _, r := range rules {
		more = more || len(hosts) == shown
		if r.Host != "" && !more {
			hosts = append(hosts, r.Host)
		}
	}
	if more {
		return columns.Some(hosts, len(rules))
	}
	return columns.Or(strings.Join(hosts, ","), "*")
}
