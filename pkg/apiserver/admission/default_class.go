package admission

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// newestDefault returns the class that one of the annotations marks as default and that was made last, the first by name of
// several, or nil.
func newestDefault[T any, P interface {
	*T
	metav1.Object
}](all []P, annotations ...string) P {
	var found P
	for _, c := range all {
		if !marked(c, annotations) {
			continue
		}
		if found == nil {
			found = c
			continue
		}
		made, before := c.GetCreationTimestamp(), found.GetCreationTimestamp()
		if before.Before(&made) || before.Equal(&made) && c.GetName() < found.GetName() {
			found = c
		}
	}
	return found
}

func marked(class metav1.Object, annotations []string) bool {
	for _, a := range annotations {
		if class.GetAnnotations()[a] == "true" {
			return true
		}
	}
	return false
}
