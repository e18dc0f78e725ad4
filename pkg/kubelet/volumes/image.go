package volumes

import (
	"context"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// image is the content of an OCI image, which the runtime mounts; on the host there is nothing to make ready (KEP-4639).
type image struct{}

func (image) matches(s *v1.VolumeSource) bool { return s.Image != nil }
func (image) plugin() string                  { return "" }

func (image) setup(_ context.Context, r *request) (podstate.VolumePath, error) {
	return podstate.VolumePath{Image: r.volume.Image.Reference, ReadOnly: true}, nil
}
