package core

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func node() apidef.Definition {
	type object = *corev1.Node
	return (&apidef.Resource[corev1.Node, object]{
		Names: apidef.Names{
			Kind:          corev1.SchemeGroupVersion.WithKind("Node"),
			Plural:        "nodes",
			Singular:      "node",
			ShortNames:    []string{"no"},
			ClusterScoped: true,
			StoragePrefix: "minions",
		},
		NewList:        func() runtime.Object { return &corev1.NodeList{} },
		Normalize:      rules.NormalizeNode,
		Default:        rules.SetNodeDefaults,
		Validate:       rules.ValidateNode,
		ValidateUpdate: rules.ValidateNodeUpdate,
		ValidateStatus: rules.ValidateNodeStatusUpdate,
		Warnings:       rules.NodeWarnings,
		Spec:           apidef.Field(func(n object) *corev1.NodeSpec { return &n.Spec }),
		Uncounted:      true,
		Status:         apidef.Field(func(n object) *corev1.NodeStatus { return &n.Status }),
		StatusOnCreate: true, // a kubelet registers its node with the status it has found
		PrepareCreate:  func(n object) { dropFromNode(n, &corev1.Node{}) },
		PrepareStatus:  dropFromNode,
		Fields: map[string]func(object) string{
			"spec.unschedulable": func(n object) string { return strconv.FormatBool(n.Spec.Unschedulable) },
		},
		Indexed: "metadata.name",
		Columns: nodeColumns(),
	}).Define()
}

// dropFromNode drops what older kubelets report of a service proxy that they know nothing about (KEP-4004), and the features
// that newer ones declare and nobody here looks at, unless they are stored.
func dropFromNode(n, old *corev1.Node) {
	n.Status.NodeInfo.KubeProxyVersion = ""
	if len(old.Status.DeclaredFeatures) == 0 {
		n.Status.DeclaredFeatures = nil
	}
}

func nodeColumns() []apidef.Column[*corev1.Node] {
	type object = *corev1.Node
	doc := corev1.NodeSystemInfo{}.SwaggerDoc()
	return []apidef.Column[object]{
		apidef.Name[object](),
		{Name: "Status", Description: "The status of the node", Value: func(n object) any { return nodeStatus(n) }},
		{Name: "Roles", Description: "The roles of the node", Value: func(n object) any { return nodeRoles(n) }},
		apidef.Age[object](),
		{Name: "Version", Description: doc["kubeletVersion"], Value: func(n object) any { return n.Status.NodeInfo.KubeletVersion }},
		{Name: "Internal-IP", Wide: true, Description: corev1.NodeStatus{}.SwaggerDoc()["addresses"],
			Value: func(n object) any { return nodeAddress(n, corev1.NodeInternalIP) }},
		{Name: "External-IP", Wide: true, Description: corev1.NodeStatus{}.SwaggerDoc()["addresses"],
			Value: func(n object) any { return nodeAddress(n, corev1.NodeExternalIP) }},
		{Name: "OS-Image", Wide: true, Description: doc["osImage"],
			Value: func(n object) any { return columns.Or(n.Status.NodeInfo.OSImage, columns.Unknown) }},
		{Name: "Kernel-Version", Wide: true, Description: doc["kernelVersion"],
			Value: func(n object) any { return columns.Or(n.Status.NodeInfo.KernelVersion, columns.Unknown) }},
		{Name: "Container-Runtime", Wide: true, Description: doc["containerRuntimeVersion"],
			Value: func(n object) any { return columns.Or(n.Status.NodeInfo.ContainerRuntimeVersion, columns.Unknown) }},
	}
}

func nodeStatus(n *corev1.Node) string {
	status := "Unknown"
	for _, c := range n.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		status = "NotReady"
		if c.Status == corev1.ConditionTrue {
			status = "Ready"
		}
	}
	if n.Spec.Unschedulable {
		status += ",SchedulingDisabled"
	}
	return status
}

// nodeRoles reads the roles from the labels node-role.kubernetes.io/<role>= and kubernetes.io/role=<role>.
func nodeRoles(n *corev1.Node) string {
	roles := map[string]bool{}
	for label, value := range n.Labels {
		if role, ok := strings.CutPrefix(label, "node-role.kubernetes.io/"); ok && role != "" {
			roles[role] = true
		} else if label == "kubernetes.io/role" && value != "" {
			roles[value] = true
		}
	}
	return columns.Or(strings.Join(slices.Sorted(maps.Keys(roles)), ","), columns.None)
}

func nodeAddress(n *corev1.Node, t corev1.NodeAddressType) string {
	for _, a := range n.Status.Addresses {
		if a.Type == t {
			return a.Address
		}
	}
	return columns.None
}
