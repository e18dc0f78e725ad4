package volumes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// projector collects the files of volumes that are made from API content.
type projector struct {
	objects Objects
	node    NodeSource
	tokens  *tokens
}

// collect gives the files of one volume source.
type collect func(ctx context.Context, p projector, pod *v1.Pod, source *v1.VolumeSource) (payload, error)

// medium is what a projected volume's files are kept on. ConfigMaps lie on disk; what may be secret lies in memory only.
type medium int

const (
	onDisk medium = iota
	inMemory
)

// kind makes a volume kind of a way to collect files.
func (p projector) kind(plugin string, on medium, mounter Mounter, matches func(*v1.VolumeSource) bool, collect collect) kind {
	return projection{projector: p, name: plugin, medium: on, mounter: mounter, is: matches, collect: collect}
}

// projection is a volume whose files the kubelet writes and keeps up to date.
type projection struct {
	projector projector
	name      string
	medium    medium
	mounter   Mounter
	is        func(*v1.VolumeSource) bool
	collect   collect
}

func (p projection) matches(s *v1.VolumeSource) bool { return p.is(s) }
func (p projection) plugin() string                  { return p.name }

func (p projection) setup(ctx context.Context, r *request) (podstate.VolumePath, error) {
	content, err := p.collect(ctx, p.projector, r.pod, &r.volume.VolumeSource)
	if err != nil {
		return podstate.VolumePath{}, err
	}
	gid := fsGroup(r.pod)
	if p.medium == inMemory {
		if err := os.MkdirAll(r.dir, 0o755); err != nil {
			return podstate.VolumePath{}, err
		}
		if err := mountTmpfs(p.mounter, r.dir, 0, openMode(gid), gid); err != nil {
			return podstate.VolumePath{}, err
		}
	} else if err := makeOpenDir(r.dir, gid); err != nil {
		return podstate.VolumePath{}, err
	}
	if err := writePayload(r.dir, content, gid, mountPoints(r.pod, r.volume.Name)); err != nil {
		return podstate.VolumePath{}, fmt.Errorf("write content: %w", err)
	}
	return podstate.VolumePath{Path: r.dir, ReadOnly: true, Content: true}, nil
}

// refresh implements refresher. A volume that Setup has not made yet is left to it.
func (p projection) refresh(ctx context.Context, r *request) error {
	if _, err := os.Lstat(r.dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	content, err := p.collect(ctx, p.projector, r.pod, &r.volume.VolumeSource)
	if err != nil {
		return err
	}
	if err := writePayload(r.dir, content, fsGroup(r.pod), mountPoints(r.pod, r.volume.Name)); err != nil {
		return fmt.Errorf("write content: %w", err)
	}
	return nil
}

func isSet(b *bool) bool { return b != nil && *b }

// modeOr is the mode of one file: its own, else the volume's, else 0644.
func modeOr(own, volume *int32) int32 {
	switch {
	case own != nil:
		return *own
	case volume != nil:
		return *volume
	}
	return v1.ConfigMapVolumeSourceDefaultMode
}

// pick projects keys of an object into files: all of them when items is empty. what names the kind of key in errors.
func pick(data map[string][]byte, items []v1.KeyToPath, defaultMode *int32, optional bool, what string) (payload, error) {
	content := make(payload, len(data))
	if len(items) == 0 {
		for key, value := range data {
			content[key] = file{data: value, mode: modeOr(nil, defaultMode)}
		}
		return content, nil
	}
	for _, item := range items {
		value, ok := data[item.Key]
		if !ok {
			if optional {
				continue
			}
			return nil, fmt.Errorf("references non-existent %s key: %s", what, item.Key)
		}
		content[item.Path] = file{data: value, mode: modeOr(item.Mode, defaultMode)}
	}
	return content, nil
}

// configMap gives the files of a ConfigMap; an optional one that does not exist gives none.
func (p projector) configMap(ctx context.Context, namespace, name string, items []v1.KeyToPath, mode *int32, optional bool) (payload, error) {
	object, err := p.objects.ConfigMap(ctx, namespace, name)
	if err != nil {
		if apierrors.IsNotFound(err) && optional {
			return payload{}, nil
		}
		return nil, objectError("configmap", name, err)
	}
	data := make(map[string][]byte, len(object.Data)+len(object.BinaryData))
	for key, value := range object.Data {
		data[key] = []byte(value)
	}
	maps.Copy(data, object.BinaryData)
	return pick(data, items, mode, optional, "config")
}

// secret gives the files of a Secret; an optional one that does not exist gives none.
func (p projector) secret(ctx context.Context, namespace, name string, items []v1.KeyToPath, mode *int32, optional bool) (payload, error) {
	object, err := p.objects.Secret(ctx, namespace, name)
	if err != nil {
		if apierrors.IsNotFound(err) && optional {
			return payload{}, nil
		}
		return nil, objectError("secret", name, err)
	}
	return pick(object.Data, items, mode, optional, "secret")
}

// missingError is a missing object in the words that users know from events; it stays recognisable as not found.
type missingError struct {
	what, name string
	cause      error
}

func (e missingError) Error() string { return fmt.Sprintf("%s %q not found", e.what, e.name) }
func (e missingError) Unwrap() error { return e.cause }

func objectError(what, name string, err error) error {
	if apierrors.IsNotFound(err) {
		return missingError{what, name, err}
	}
	return fmt.Errorf("read %s %q: %w", what, name, err)
}
