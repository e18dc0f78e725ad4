package kubelet

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/proa-sh/proa/pkg/kubelet/images"
	"github.com/proa-sh/proa/pkg/pods"
)

// imageGCPeriod is how often the image file system is looked at.
const imageGCPeriod = 5 * time.Minute

func (p *parts) gcPolicy() images.GCPolicy {
	c := p.cfg.Kubelet
	return images.GCPolicy{
		High: int(value(c.ImageGCHighThresholdPercent, 85)), Low: int(value(c.ImageGCLowThresholdPercent, 80)),
		MinAge: c.ImageMinimumGCAge.Duration, MaxAge: c.ImageMaximumGCAge.Duration, Period: imageGCPeriod,
	}
}

// imagesInUse are the images of all containers that exist, and those that pods of the node will need again or have mounted as
// volumes.
func (p *parts) imagesInUse(ctx context.Context) (map[string]bool, error) {
	list, err := p.runtimeAPI.ListContainers(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	used := map[string]bool{}
	for _, c := range list {
		used[c.ImageRef], used[c.ImageId], used[c.GetImage().GetImage()] = true, true, true
	}
	named := map[string]bool{}
	for _, s := range p.registry.Snapshots() {
		if !s.Stopped {
			nameImages(s.Pod, named)
		}
	}
	for name := range named {
		if !images.ValidName(name) {
			continue // it names nothing that could be on the node
		}
		answer, err := p.imageAPI.ImageStatus(ctx, &runtimeapi.ImageSpec{Image: name}, false)
		if err != nil {
			return nil, fmt.Errorf("look for image %q of a pod: %w", name, err)
		}
		if answer.GetImage() != nil {
			used[answer.Image.Id] = true
		}
	}
	return used, nil
}

// nameImages adds the images that the pod's containers and volumes name.
func nameImages(pod *v1.Pod, names map[string]bool) {
	for c := range pods.AllContainers(pod) {
		names[c.Image] = true
	}
	for i := range pod.Spec.Volumes {
		if image := pod.Spec.Volumes[i].Image; image != nil {
			names[image.Reference] = true
		}
	}
	delete(names, "")
}
