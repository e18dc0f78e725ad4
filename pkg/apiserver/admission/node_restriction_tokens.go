package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/component-helpers/storage/ephemeral"
)

// audienceVerb is the verb on an audience, as the resource, and a service account, as the name, that lets a node ask for
// tokens for an audience that its pods do not name (KEP-4412).
const audienceVerb = "request-serviceaccounts-token-audience"

// refuseToken allows tokens that are bound to a pod of the node, for an audience that the pod's volumes name. Another one
// has to be granted: a node could give itself a pod's name before strangers otherwise.
func (p *kubelets) refuseToken(ctx context.Context, node string, a admission.Attributes) string {
	request, ok := a.GetObject().(*authenticationv1.TokenRequest)
	if a.GetSubresource() != "token" || !ok {
		return ""
	}
	ref := request.Spec.BoundObjectRef
	if ref == nil || ref.Kind != "Pod" || ref.APIVersion != "v1" || ref.Name == "" || ref.UID == "" {
		return "can only request tokens that are bound to a pod, by name and UID"
	}
	pod, err := p.pods.Pods(a.GetNamespace()).Get(ref.Name)
	if err != nil {
		return fmt.Sprintf("requested a token bound to pod %q, which was not found", ref.Name)
	}
	if pod.UID != ref.UID || pod.Spec.NodeName != node {
		return "requested a token bound to a pod scheduled on a different node"
	}
	return p.refuseAudience(ctx, pod, request.Spec.Audiences, a)
}

func (p *kubelets) refuseAudience(ctx context.Context, pod *corev1.Pod, requested []string, a admission.Attributes) string {
	wanted := requested // one of which a volume has to name
	if len(requested) == 0 || slices.Equal(requested, p.audiences) {
		wanted = []string{""} // what was left out has been filled in by now
	}
	if len(wanted) > 1 {
		return "may only request 0 or 1 audiences"
	}
	audience := wanted[0]
	if len(requested) == 1 && audience == "" {
		wanted = append(wanted, requested[0])
	}
	named, lookup := p.names(ctx, pod, wanted)
	if named {
		return ""
	}
	decision, why, err := p.authorizer.Authorize(ctx, authorizer.AttributesRecord{User: a.GetUserInfo(), Verb: audienceVerb,
		Namespace: a.GetNamespace(), APIVersion: "v1", Resource: audience, Name: a.GetName(), ResourceRequest: true})
	if decision == authorizer.DecisionAllow {
		return ""
	}
	reason := fmt.Sprintf("requested a token: audience %q not found in pod spec volume, %s is not authorized to request tokens for this audience",
		audience, a.GetUserInfo().GetName())
	if why != "" {
		reason += ": " + why
	}
	if err := errors.Join(lookup, err); err != nil {
		reason += fmt.Sprintf(" (%v)", err)
	}
	return reason
}

// names reports whether a volume of the pod needs a token for one of the audiences: a projected one that has the token, or
// one whose CSI driver is given it (CSIDriver, spec.tokenRequests). err says what could not be looked up on the way.
func (p *kubelets) names(ctx context.Context, pod *corev1.Pod, audiences []string) (named bool, err error) {
	for _, v := range pod.Spec.Volumes {
		if projects(v, audiences) {
			return true, nil
		}
	}
	var errs []error
	for _, v := range pod.Spec.Volumes {
		driver, err := p.driver(ctx, pod, v)
		if driver != "" {
			named, err = p.driverNeeds(ctx, driver, audiences)
		}
		if named {
			return true, nil
		}
		errs = append(errs, err)
	}
	return false, errors.Join(errs...)
}

func projects(v corev1.Volume, audiences []string) bool {
	return v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool {
		return s.ServiceAccountToken != nil && slices.Contains(audiences, s.ServiceAccountToken.Audience)
	})
}

// driver is the CSI driver of a volume, "" if none mounts it. It asks the API and no informer, for drivers' tokens are
// rarely asked for, and always soon after a volume was bound.
func (p *kubelets) driver(ctx context.Context, pod *corev1.Pod, v corev1.Volume) (string, error) {
	claim := ""
	switch {
	case v.CSI != nil:
		return v.CSI.Driver, nil
	case v.PersistentVolumeClaim != nil:
		claim = v.PersistentVolumeClaim.ClaimName
	case v.Ephemeral != nil:
		claim = ephemeral.VolumeClaimName(pod, &v)
	default:
		return "", nil
	}
	c, err := p.client.CoreV1().PersistentVolumeClaims(pod.Namespace).Get(ctx, claim, metav1.GetOptions{})
	if err != nil || c.Spec.VolumeName == "" {
		return "", err
	}
	volume, err := p.client.CoreV1().PersistentVolumes().Get(ctx, c.Spec.VolumeName, metav1.GetOptions{})
	if err != nil || volume.Spec.CSI == nil {
		return "", err
	}
	return volume.Spec.CSI.Driver, nil
}

func (p *kubelets) driverNeeds(ctx context.Context, name string, audiences []string) (bool, error) {
	driver, err := p.client.StorageV1().CSIDrivers().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(driver.Spec.TokenRequests, func(t storagev1.TokenRequest) bool { return slices.Contains(audiences, t.Audience) }), nil
}
