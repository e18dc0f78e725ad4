package core

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func service() apidef.Definition {
	type object = *corev1.Service
	return (&apidef.Resource[corev1.Service, object]{
		Names: apidef.Names{
			Kind:          corev1.SchemeGroupVersion.WithKind("Service"),
			Plural:        "services",
			Singular:      "service",
			ShortNames:    []string{"svc"},
			Categories:    []string{"all"},
			StoragePrefix: "services/specs",
		},
		NewList:        func() runtime.Object { return &corev1.ServiceList{} },
		Normalize:      rules.NormalizeService,
		Default:        rules.SetServiceDefaults,
		Validate:       rules.ValidateService,
		ValidateUpdate: rules.ValidateServiceUpdate,
		ValidateStatus: rules.ValidateServiceStatusUpdate,
		Warnings:       rules.ServiceWarnings,
		PrepareUpdate:  KeepAllocated,
		CreateOnUpdate: true,
		ReturnDeleted:  true,
		Spec:           apidef.Field(func(s object) *corev1.ServiceSpec { return &s.Spec }),
		Uncounted:      true,
		Status:         apidef.Field(func(s object) *corev1.ServiceStatus { return &s.Status }),
		Fields: map[string]func(object) string{
			"spec.clusterIP": func(s object) string { return s.Spec.ClusterIP },
			"spec.type":      func(s object) string { return string(s.Spec.Type) },
		},
		Columns: serviceColumns(),
	}).Define()
}

func serviceColumns() []apidef.Column[*corev1.Service] {
	type object = *corev1.Service
	doc := corev1.ServiceSpec{}.SwaggerDoc()
	return []apidef.Column[object]{
		apidef.Name[object](),
		{Name: "Type", Description: doc["type"], Value: func(s object) any { return string(s.Spec.Type) }},
		{Name: "Cluster-IP", Description: doc["clusterIP"], Value: func(s object) any {
			if len(s.Spec.ClusterIPs) == 0 {
				return columns.None
			}
			return s.Spec.ClusterIPs[0]
		}},
		{Name: "External-IP", Description: doc["externalIPs"], Value: func(s object) any { return externalAddress(s) }},
		{Name: "Port(s)", Description: doc["ports"], Value: func(s object) any { return portsCell(s.Spec.Ports) }},
		apidef.Age[object](),
		{Name: "Selector", Wide: true, Description: doc["selector"], Value: func(s object) any { return labels.FormatLabels(s.Spec.Selector) }},
	}
}

// externalAddress shows where a service is reached from outside of the cluster.
func externalAddress(s *corev1.Service) string {
	external := strings.Join(s.Spec.ExternalIPs, ",")
	switch s.Spec.Type {
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort:
		return columns.Or(external, columns.None)
	case corev1.ServiceTypeExternalName:
		return s.Spec.ExternalName
	case corev1.ServiceTypeLoadBalancer:
		balancer := columns.Addresses(s.Status.LoadBalancer.Ingress, func(i corev1.LoadBalancerIngress) (string, string) { return i.IP, i.Hostname })
		if balancer != "" && external != "" {
			return balancer + "," + external
		}
		return columns.Or(balancer+external, "<pending>")
	}
	return columns.Unknown
}

func portsCell(ports []corev1.ServicePort) string {
	var cells []string
	for _, p := range ports {
		if p.NodePort > 0 {
			cells = append(cells, fmt.Sprintf("%d:%d/%s", p.Port, p.NodePort, p.Protocol))
		} else {
			cells = append(cells, fmt.Sprintf("%d/%s", p.Port, p.Protocol))
		}
	}
	return columns.Or(strings.Join(cells, ","), columns.None)
}
