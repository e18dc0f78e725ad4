package node

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// maxImageNames bounds the names reported for one image.
const maxImageNames = 5

// listImages lists the images for the status; nil when none can be listed by configuration.
func (n *Node) listImages(ctx context.Context) ([]v1.ContainerImage, error) {
	if n.cfg.Images == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, runtimeTimeout)
	defer cancel()
	images, err := n.cfg.Images.ListImages(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	return reportImages(images, n.cfg.MaxImages), nil
}

// reportImages gives the largest images first, at most limit of them (-1 for all), digests before tags.
func reportImages(images []*runtimeapi.Image, limit int) []v1.ContainerImage {
	list := make([]v1.ContainerImage, 0, len(images))
	for _, image := range images {
		names := slices.Concat(image.GetRepoDigests(), image.GetRepoTags())
		if len(names) > maxImageNames {
			names = names[:maxImageNames]
		}
		list = append(list, v1.ContainerImage{Names: names, SizeBytes: int64(image.GetSize())})
	}
	slices.SortStableFunc(list, func(a, b v1.ContainerImage) int {
		return cmp.Or(cmp.Compare(b.SizeBytes, a.SizeBytes), slices.Compare(a.Names, b.Names))
	})
	if limit >= 0 && len(list) > limit {
		list = list[:limit]
	}
	return list
}
