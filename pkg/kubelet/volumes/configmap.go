package volumes

import (
	"context"

	v1 "k8s.io/api/core/v1"
)

// configMapVolume gives the files of a configMap volume.
func configMapVolume(ctx context.Context, p projector, pod *v1.Pod, source *v1.VolumeSource) (payload, error) {
	s := source.ConfigMap
	return p.configMap(ctx, pod.Namespace, s.Name, s.Items, s.DefaultMode, isSet(s.Optional))
}
