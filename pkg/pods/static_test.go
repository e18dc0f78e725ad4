package pods

import (
	"testing"

	v1 "k8s.io/api/core/v1"
)

func TestStaticAndMirror(t *testing.T) {
	for name, test := range map[string]struct {
		annotations    map[string]string
		static, mirror bool
	}{
		"ordinary": {map[string]string{"a": "b"}, false, false},
		"static":   {map[string]string{SourceAnnotation: SourceFile, HashAnnotation: "1"}, true, false},
		"mirror":   {map[string]string{SourceAnnotation: SourceFile, HashAnnotation: "1", v1.MirrorPodAnnotationKey: "1"}, false, true},
	} {
		pod := &v1.Pod{}
		pod.Annotations = test.annotations
		if IsStatic(pod) != test.static || IsMirror(pod) != test.mirror {
			t.Errorf("%s: static %v, mirror %v", name, IsStatic(pod), IsMirror(pod))
		}
	}
}
