package runtime

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/proa-sh/proa/pkg/kubelet/podfile"
	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// Objects gives the ConfigMaps and Secrets that containers refer to. Errors are API errors.
type Objects interface {
	Secret(ctx context.Context, namespace, name string) (*v1.Secret, error)
	ConfigMap(ctx context.Context, namespace, name string) (*v1.ConfigMap, error)
}

// EnvInput is what the environment of a container is made of.
type EnvInput struct {
	// Pod carries the addresses that are known by now in its status.
	Pod       *v1.Pod
	Container *v1.Container
	// Services are the variables for services, the weakest source.
	Services    map[string]string
	Allocatable v1.ResourceList
	Volumes     map[string]podstate.VolumePath
}

// Env computes the environment in order: services, envFrom, env; a later source wins. The result keeps the order of env
// after the sorted rest.
func Env(ctx context.Context, in EnvInput, objects Objects) ([]v1.EnvVar, error) {
	values := map[string]string{}
	for k, v := range in.Services {
		values[k] = v
	}
	r := &envResolver{in: in, objects: objects, secrets: map[string]*v1.Secret{}, maps: map[string]*v1.ConfigMap{}}
	if err := r.fromAll(ctx, values); err != nil {
		return nil, err
	}
	// $(NAME) in env refers to what is defined before it in env, or in envFrom, or by a service.
	lookup := func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	own := map[string]bool{}
	var order []string
	for i := range in.Container.Env {
		e := &in.Container.Env[i]
		value, set, err := r.value(ctx, e, lookup)
		if err != nil {
			return nil, err
		}
		if !set {
			continue
		}
		values[e.Name] = value
		if !own[e.Name] {
			own[e.Name] = true
			order = append(order, e.Name)
		}
	}
	var rest []string
	for name := range values {
		if !own[name] {
			rest = append(rest, name)
		}
	}
	sort.Strings(rest)
	result := make([]v1.EnvVar, 0, len(values))
	for _, name := range append(rest, order...) {
		result = append(result, v1.EnvVar{Name: name, Value: values[name]})
	}
	return result, nil
}

// envResolver reads each ConfigMap and Secret once, so that one container sees one version of each.
type envResolver struct {
	in      EnvInput
	objects Objects
	secrets map[string]*v1.Secret
	maps    map[string]*v1.ConfigMap
}

func (r *envResolver) fromAll(ctx context.Context, values map[string]string) error {
	for i := range r.in.Container.EnvFrom {
		from := &r.in.Container.EnvFrom[i]
		switch {
		case from.ConfigMapRef != nil:
			cm, err := r.configMap(ctx, from.ConfigMapRef.Name, from.ConfigMapRef.Optional)
			if err != nil {
				return err
			}
			if cm != nil {
				for k, v := range cm.Data {
					setEnv(values, from.Prefix+k, v)
				}
			}
		case from.SecretRef != nil:
			secret, err := r.secret(ctx, from.SecretRef.Name, from.SecretRef.Optional)
			if err != nil {
				return err
			}
			if secret != nil {
				for k, v := range secret.Data {
					setEnv(values, from.Prefix+k, string(v))
				}
			}
		}
	}
	return nil
}

// setEnv leaves out keys that no environment can hold.
func setEnv(values map[string]string, name, value string) {
	if len(validation.IsRelaxedEnvVarName(name)) == 0 {
		values[name] = value
	}
}

// value computes one variable. set is false for an optional source that does not exist.
func (r *envResolver) value(ctx context.Context, e *v1.EnvVar, lookup func(string) (string, bool)) (value string, set bool, err error) {
	from := e.ValueFrom
	switch {
	case from == nil:
		return Expand(e.Value, lookup), true, nil
	case from.FieldRef != nil:
		value, err = pods.FieldValue(r.in.Pod, from.FieldRef.FieldPath)
		return value, err == nil, err
	case from.ResourceFieldRef != nil:
		value, err = pods.ResourceFieldValue(r.in.Pod, from.ResourceFieldRef, r.in.Container.Name, r.in.Allocatable)
		return value, err == nil, err
	case from.ConfigMapKeyRef != nil:
		return r.configMapKey(ctx, from.ConfigMapKeyRef)
	case from.SecretKeyRef != nil:
		return r.secretKey(ctx, from.SecretKeyRef)
	case from.FileKeyRef != nil:
		return r.fileKey(from.FileKeyRef)
	}
	return "", false, fmt.Errorf("environment variable %q has an unknown source", e.Name)
}

func (r *envResolver) configMapKey(ctx context.Context, ref *v1.ConfigMapKeySelector) (string, bool, error) {
	cm, err := r.configMap(ctx, ref.Name, ref.Optional)
	if err != nil || cm == nil {
		return "", false, err
	}
	value, ok := cm.Data[ref.Key]
	if !ok && !isTrue(ref.Optional) {
		return "", false, fmt.Errorf("couldn't find key %v in ConfigMap %v/%v", ref.Key, r.in.Pod.Namespace, ref.Name)
	}
	return value, ok, nil
}

func (r *envResolver) secretKey(ctx context.Context, ref *v1.SecretKeySelector) (string, bool, error) {
	secret, err := r.secret(ctx, ref.Name, ref.Optional)
	if err != nil || secret == nil {
		return "", false, err
	}
	value, ok := secret.Data[ref.Key]
	if !ok && !isTrue(ref.Optional) {
		return "", false, fmt.Errorf("couldn't find key %v in Secret %v/%v", ref.Key, r.in.Pod.Namespace, ref.Name)
	}
	return string(value), ok, nil
}

// maxEnvFile is how many bytes of an environment file are read; what lies behind is as if it were not there.
const maxEnvFile = 1 << 20

// fileKey reads NAME=value lines from a file of an emptyDir volume (KEP-3721).
func (r *envResolver) fileKey(ref *v1.FileKeySelector) (string, bool, error) {
	volume, ok := r.in.Volumes[ref.VolumeName]
	if !ok {
		return "", false, fmt.Errorf("cannot find the volume %q referenced by FileKeyRef", ref.VolumeName)
	}
	file, err := podfile.OpenBeneath(volume.Path, ref.Path)
	if errors.Is(err, fs.ErrNotExist) && isTrue(ref.Optional) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("open environment file %q in volume %q: %w", ref.Path, ref.VolumeName, err)
	}
	defer file.Close()
	lines := bufio.NewScanner(io.LimitReader(file, maxEnvFile))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "#") {
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == ref.Key {
			return strings.Trim(strings.TrimSpace(value), "'\""), true, nil
		}
	}
	if err := lines.Err(); err != nil {
		return "", false, fmt.Errorf("read environment file %q: %w", ref.Path, err)
	}
	if isTrue(ref.Optional) {
		return "", false, nil
	}
	return "", false, fmt.Errorf("environment variable key %q not found in file %q", ref.Key, ref.Path)
}

func (r *envResolver) configMap(ctx context.Context, name string, optional *bool) (*v1.ConfigMap, error) {
	if cm, ok := r.maps[name]; ok {
		return cm, nil
	}
	cm, err := r.objects.ConfigMap(ctx, r.in.Pod.Namespace, name)
	if apierrors.IsNotFound(err) && isTrue(optional) {
		cm, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	r.maps[name] = cm
	return cm, nil
}

func (r *envResolver) secret(ctx context.Context, name string, optional *bool) (*v1.Secret, error) {
	if s, ok := r.secrets[name]; ok {
		return s, nil
	}
	s, err := r.objects.Secret(ctx, r.in.Pod.Namespace, name)
	if apierrors.IsNotFound(err) && isTrue(optional) {
		s, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	r.secrets[name] = s
	return s, nil
}

func isTrue(b *bool) bool { return b != nil && *b }
