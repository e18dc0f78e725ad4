package volumebinding

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/component-helpers/storage/ephemeral"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/kube-scheduler/framework"
)

// claims are a pod's claims by what is to be done about them.
type claims struct {
	// bound have a volume, which says where the pod can run.
	bound []*v1.PersistentVolumeClaim
	// immediate are bound by the volume controller, whatever becomes of the pod.
	immediate []*v1.PersistentVolumeClaim
	// delayed are to be bound once the pod has a node (WaitForFirstConsumer).
	delayed []*v1.PersistentVolumeClaim
}

// claimName is the name of the claim that a volume of a pod uses, "" for other kinds of volumes.
func claimName(pod *v1.Pod, v *v1.Volume) string {
	switch {
	case v.PersistentVolumeClaim != nil:
		return v.PersistentVolumeClaim.ClaimName
	case v.Ephemeral != nil:
		return ephemeral.VolumeClaimName(pod, v)
	default:
		return ""
	}
}

// uses says whether a pod has a volume of a claim.
func uses(pod *v1.Pod, claim *v1.PersistentVolumeClaim) bool {
	if pod.Namespace != claim.Namespace {
		return false
	}
	for i := range pod.Spec.Volumes {
		if claimName(pod, &pod.Spec.Volumes[i]) == claim.Name {
			return true
		}
	}
	return false
}

// claimsOf are the claims of a pod. The status says what is wrong with one that the pod cannot use.
func (p *Plugin) claimsOf(pod *v1.Pod) (*claims, *framework.Status) {
	all := &claims{}
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		name := claimName(pod, v)
		if name == "" {
			continue
		}
		claim, status := p.usable(pod, v, name)
		if !status.IsSuccess() {
			return nil, status
		}
		delayed, err := volume.IsDelayBindingMode(claim, p.classes)
		switch {
		case err != nil:
			return nil, framework.AsStatus(fmt.Errorf("get binding mode of claim %q: %w", name, err))
		case isBound(claim):
			all.bound = append(all.bound, claim)
		case delayed && claim.Spec.VolumeName == "":
			all.delayed = append(all.delayed, claim)
		default:
			all.immediate = append(all.immediate, claim)
		}
	}
	return all, nil
}

// isBound says whether the binding is complete, in both directions.
func isBound(claim *v1.PersistentVolumeClaim) bool {
	_, complete := claim.Annotations[volume.AnnBindCompleted]
	return claim.Spec.VolumeName != "" && complete
}

// usable is the claim of a volume, if the pod can use it or may when it is bound.
func (p *Plugin) usable(pod *v1.Pod, v *v1.Volume, name string) (*v1.PersistentVolumeClaim, *framework.Status) {
	claim, err := p.claims.PersistentVolumeClaims(pod.Namespace).Get(name)
	switch {
	case apierrors.IsNotFound(err) && v.Ephemeral != nil:
		return nil, rejected("waiting for ephemeral volume controller to create the persistentvolumeclaim %q", name)
	case apierrors.IsNotFound(err):
		return nil, rejected("persistentvolumeclaim %q not found", name)
	case err != nil:
		return nil, framework.AsStatus(fmt.Errorf("get claim %q: %w", name, err))
	case claim.Status.Phase == v1.ClaimLost:
		return nil, rejected("persistentvolumeclaim %q bound to non-existent persistentvolume %q", name, claim.Spec.VolumeName)
	case claim.DeletionTimestamp != nil:
		return nil, rejected("persistentvolumeclaim %q is being deleted", name)
	}
	if v.Ephemeral != nil {
		if err := ephemeral.VolumeIsForPod(pod, claim); err != nil {
			return nil, rejected("%s", err)
		}
	}
	return claim, nil
}

func rejected(format string, args ...any) *framework.Status {
	return framework.NewStatus(framework.UnschedulableAndUnresolvable, fmt.Sprintf(format, args...)).WithPlugin(Name)
}
