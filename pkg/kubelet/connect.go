package kubelet

import (
	"context"
	"errors"
	"fmt"
	"time"

	criapi "k8s.io/cri-api/pkg/apis"
	cri "k8s.io/cri-client/pkg"
	"k8s.io/klog/v2"
)

// clients speak to the container runtime.
type clients struct {
	runtimeAPI criapi.RuntimeService
	imageAPI   criapi.ImageManagerService
}

// connectPause is how long the kubelet waits before it tries again to reach the container runtime.
const connectPause = 100 * time.Millisecond

// connect waits for the container runtime; nil when ctx ends before.
func connect(ctx context.Context, cfg *Config) (*clients, error) {
	endpoint, imageEndpoint := cfg.Kubelet.ContainerRuntimeEndpoint, cfg.Kubelet.ImageServiceEndpoint
	if imageEndpoint == "" {
		imageEndpoint = endpoint
	}
	if !await(ctx, endpoint, func() error { return reachable(ctx, endpoint, imageEndpoint, cfg.ConnectTimeout) }) {
		return nil, nil
	}
	runtimeAPI, err := cri.NewRemoteRuntimeService(ctx, endpoint, cfg.runtimeTimeout(), nil, false)
	if err != nil {
		return nil, fmt.Errorf("connect to container runtime: %w", err)
	}
	imageAPI, err := cri.NewRemoteImageService(ctx, imageEndpoint, cfg.runtimeTimeout(), nil, false)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to image service: %w", err), runtimeAPI.Close(ctx))
	}
	return &clients{runtimeAPI: runtimeAPI, imageAPI: imageAPI}, nil
}

// await tries until the runtime can be reached; false when ctx ends before.
func await(ctx context.Context, endpoint string, try func() error) bool {
	for told := false; ; {
		err := try()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if !told {
			told = true
			klog.FromContext(ctx).Info("Waiting for the container runtime", "endpoint", endpoint, "err", err)
		}
		timer := time.NewTimer(connectPause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
}

// reachable tries whether both services answer.
func reachable(ctx context.Context, endpoint, imageEndpoint string, timeout time.Duration) error {
	// A runtime that is not there yet is no error worth the client's own log lines.
	quiet := klog.NewContext(ctx, klog.Logger{})
	r, err := cri.NewRemoteRuntimeService(quiet, endpoint, timeout, nil, false)
	if err != nil {
		return err
	}
	if err := r.Close(quiet); err != nil {
		return err
	}
	i, err := cri.NewRemoteImageService(quiet, imageEndpoint, timeout, nil, false)
	if err != nil {
		return err
	}
	return i.Close(quiet)
}

func (c *clients) close(ctx context.Context) {
	if err := errors.Join(c.runtimeAPI.Close(ctx), c.imageAPI.Close(ctx)); err != nil {
		klog.FromContext(ctx).V(2).Info("Connection to the container runtime did not close cleanly", "err", err)
	}
}
