package volumes

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/pods"
)

// downwardVolume gives the files of a downwardAPI volume.
func downwardVolume(ctx context.Context, p projector, pod *v1.Pod, source *v1.VolumeSource) (payload, error) {
	return p.downward(ctx, pod, source.DownwardAPI.Items, source.DownwardAPI.DefaultMode)
}

// downward writes fields of the pod and resources of its containers into files.
func (p projector) downward(ctx context.Context, pod *v1.Pod, items []v1.DownwardAPIVolumeFile, defaultMode *int32) (payload, error) {
	content := make(payload, len(items))
	var errs []error
	for i := range items {
		value, err := p.downwardValue(ctx, pod, &items[i])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		content[items[i].Path] = file{data: []byte(value), mode: modeOr(items[i].Mode, defaultMode)}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return content, nil
}

func (p projector) downwardValue(ctx context.Context, pod *v1.Pod, item *v1.DownwardAPIVolumeFile) (string, error) {
	switch {
	case item.FieldRef != nil:
		return pods.FieldValue(pod, item.FieldRef.FieldPath)
	case item.ResourceFieldRef != nil:
		node, err := p.node.Node(ctx)
		if err != nil {
			return "", fmt.Errorf("read allocatable resources of the node: %w", err)
		}
		return pods.ResourceFieldValue(pod, item.ResourceFieldRef, "", node.Status.Allocatable)
	}
	return "", fmt.Errorf("item %q has neither fieldRef nor resourceFieldRef", item.Path)
}
