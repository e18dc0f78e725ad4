package columns

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/staging/apidef"
)

// PodSpec is the spec of a pod template.
type PodSpec = *corev1.PodSpec

// Containers is the wide column with the names of a template's containers.
func Containers[P any](spec func(P) PodSpec) apidef.Column[P] {
	return ofContainers("Containers", "Names of each container in the template.", spec, func(c corev1.Container) string { return c.Name })
}

// Images is the wide column with the images of a template's containers.
func Images[P any](spec func(P) PodSpec) apidef.Column[P] {
	return ofContainers("Images", "Images referenced by each container in the template.", spec, func(c corev1.Container) string { return c.Image })
}

func ofContainers[P any](name, description string, spec func(P) PodSpec, cell func(corev1.Container) string) apidef.Column[P] {
	return apidef.Column[P]{Name: name, Description: description, Wide: true, Value: func(p P) any { return join(spec(p), cell) }}
}

// Narrow shows a column without "-o wide" too.
func Narrow[P any](c apidef.Column[P]) apidef.Column[P] {
	c.Wide = false
	return c
}

func join(spec PodSpec, cell func(corev1.Container) string) string {
	var cells []string
	for _, c := range spec.Containers {
		cells = append(cells, cell(c))
	}
	return strings.Join(cells, ",")
}

// Selector returns the text form of a label selector that has been validated, as the subresource scale shows it.
func Selector(s *metav1.LabelSelector) string {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return ""
	}
	return selector.String()
}
