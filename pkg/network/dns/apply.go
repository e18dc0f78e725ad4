package dns

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// fieldManager owns the fields that Apply writes.
const fieldManager = "proa-dns"

// Apply writes the objects of the name service. It may be repeated; fields that others
// added stay.
func Apply(ctx context.Context, client kubernetes.Interface, p Params) error {
	for _, object := range Objects(p) {
		if err := applyOne(ctx, client, object); err != nil {
			return err
		}
	}
	return nil
}

func applyOne(ctx context.Context, client kubernetes.Interface, object runtime.Object) error {
	data, err := patchOf(object)
	if err != nil {
		return err
	}
	options := metav1.PatchOptions{FieldManager: fieldManager, Force: new(bool)}
	*options.Force = true
	name := ""
	switch object := object.(type) {
	case *corev1.ServiceAccount:
		name = object.Name
		_, err = client.CoreV1().ServiceAccounts(Namespace).Patch(ctx, name, types.ApplyPatchType, data, options)
	case *rbacv1.ClusterRole:
		name = object.Name
		_, err = client.RbacV1().ClusterRoles().Patch(ctx, name, types.ApplyPatchType, data, options)
	case *rbacv1.ClusterRoleBinding:
		name = object.Name
		_, err = client.RbacV1().ClusterRoleBindings().Patch(ctx, name, types.ApplyPatchType, data, options)
	case *corev1.ConfigMap:
		name = object.Name
		_, err = client.CoreV1().ConfigMaps(Namespace).Patch(ctx, name, types.ApplyPatchType, data, options)
	case *corev1.Service:
		name = object.Name
		_, err = client.CoreV1().Services(Namespace).Patch(ctx, name, types.ApplyPatchType, data, options)
	case *appsv1.Deployment:
		name = object.Name
		_, err = client.AppsV1().Deployments(Namespace).Patch(ctx, name, types.ApplyPatchType, data, options)
	default:
		return fmt.Errorf("apply name service: no client for %T", object)
	}
	if err != nil {
		return fmt.Errorf("apply name service: %s %q: %w", object.GetObjectKind().GroupVersionKind().Kind, name, err)
	}
	return nil
}

// patchOf is the object without what Go's types add to it: an empty status, which
// server-side apply would take as a wish.
func patchOf(object runtime.Object) ([]byte, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("apply name service: convert %T: %w", object, err)
	}
	delete(fields, "status")
	data, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("apply name service: encode %T: %w", object, err)
	}
	return data, nil
}
