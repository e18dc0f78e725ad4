package volumes

import (
	"context"
	"errors"
	"fmt"
	"maps"

	v1 "k8s.io/api/core/v1"
)

// tokenMode is the mode of a token that only its owner, and fsGroup if the pod has one, may read.
const tokenMode = 0o600

// projectedVolume gives the files of all sources of a projected volume; a later source wins over an earlier one.
func projectedVolume(ctx context.Context, p projector, pod *v1.Pod, source *v1.VolumeSource) (payload, error) {
	content := payload{}
	var errs []error
	for i := range source.Projected.Sources {
		part, err := p.projectedSource(ctx, pod, &source.Projected.Sources[i], source.Projected.DefaultMode)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		maps.Copy(content, part)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return content, nil
}

func (p projector) projectedSource(ctx context.Context, pod *v1.Pod, s *v1.VolumeProjection, mode *int32) (payload, error) {
	switch {
	case s.ConfigMap != nil:
		return p.configMap(ctx, pod.Namespace, s.ConfigMap.Name, s.ConfigMap.Items, mode, isSet(s.ConfigMap.Optional))
	case s.Secret != nil:
		return p.secret(ctx, pod.Namespace, s.Secret.Name, s.Secret.Items, mode, isSet(s.Secret.Optional))
	case s.DownwardAPI != nil:
		return p.downward(ctx, pod, s.DownwardAPI.Items, mode)
	case s.ServiceAccountToken != nil:
		return p.token(ctx, pod, s.ServiceAccountToken, mode)
	case s.ClusterTrustBundle != nil:
		return nil, errors.New("projected source clusterTrustBundle is not supported by this kubelet")
	case s.PodCertificate != nil:
		return nil, errors.New("projected source podCertificate is not supported by this kubelet")
	}
	return nil, errors.New("projected source is empty")
}

// token gives the file of a service account token. Its mode follows KEP-1205: where the pod's group or its one user is
// known nobody else may read it; otherwise the volume's mode applies, for containers that do not run as root.
func (p projector) token(ctx context.Context, pod *v1.Pod, s *v1.ServiceAccountTokenProjection, mode *int32) (payload, error) {
	token, err := p.tokens.get(ctx, pod, s.Audience, s.ExpirationSeconds)
	if err != nil {
		return nil, fmt.Errorf("failed to fetch token: %w", err)
	}
	f := file{data: []byte(token), mode: modeOr(nil, mode)}
	if user := fsUser(pod); user != nil || fsGroup(pod) != nil {
		f.mode, f.uid = tokenMode, user
	}
	return payload{s.Path: f}, nil
}
