package volumes

import (
	"context"

	v1 "k8s.io/api/core/v1"
)

// secretVolume gives the files of a secret volume.
func secretVolume(ctx context.Context, p projector, pod *v1.Pod, source *v1.VolumeSource) (payload, error) {
	s := source.Secret
	return p.secret(ctx, pod.Namespace, s.SecretName, s.Items, s.DefaultMode, isSet(s.Optional))
}
