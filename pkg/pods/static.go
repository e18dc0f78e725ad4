package pods

import v1 "k8s.io/api/core/v1"

// Annotations of pods that a kubelet takes from files (kubernetes.io/docs/reference/labels-annotations-taints).
const (
	// SourceAnnotation says where a kubelet has a static pod from; HashAnnotation identifies its content.
	SourceAnnotation = "kubernetes.io/config.source"
	HashAnnotation   = "kubernetes.io/config.hash"
	// SourceFile is the value of SourceAnnotation for files.
	SourceFile = "file"
)

// IsStatic says whether a kubelet has the pod from a file. Its mirror in the API is not static.
func IsStatic(pod *v1.Pod) bool {
	return pod.Annotations[SourceAnnotation] == SourceFile && !IsMirror(pod)
}

// IsMirror says whether the pod only shows a static pod in the API. Nobody runs it.
func IsMirror(pod *v1.Pod) bool {
	_, mirror := pod.Annotations[v1.MirrorPodAnnotationKey]
	return mirror
}
