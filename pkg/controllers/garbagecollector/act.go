package garbagecollector

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// act does what was planned, and stops at the first thing that fails. A conflict means that the graph was behind; the change
// that it had not seen wakes the node, or the retry does.
func (c *Controller) act(ctx context.Context, n *node, out outcome) error {
	steps := []struct {
		wanted bool
		do     func() error
	}{
		{len(out.forget) > 0, func() error { return c.patch(ctx, n, "ownerReferences", without(n.owners(), out.forget)) }},
		{out.unblock, func() error { return c.patch(ctx, n, "ownerReferences", unblocked(n.owners())) }},
		{len(out.orphan) > 0, func() error { return c.orphan(ctx, n, out.orphan) }},
		{out.finalizer != "", func() error {
			return c.patch(ctx, n, "finalizers", slices.DeleteFunc(slices.Clone(n.object.GetFinalizers()), func(f string) bool { return f == out.finalizer }))
		}},
		{out.remove != "", func() error { return c.remove(ctx, n, out.remove) }},
	}
	for _, step := range steps {
		if !step.wanted {
			continue
		}
		if err := step.do(); err != nil {
			return err
		}
	}
	for _, one := range out.wake {
		c.trigger.Wake(control.KeyOf("", string(one.uid())))
	}
	return nil
}

// orphan takes the references to n from its dependents.
func (c *Controller) orphan(ctx context.Context, n *node, dependents []*node) error {
	return control.All(ctx, len(dependents), func(ctx context.Context, i int) error {
		one := dependents[i]
		return c.patch(ctx, one, "ownerReferences", slices.DeleteFunc(slices.Clone(one.owners()), func(ref metav1.OwnerReference) bool { return ref.UID == n.uid() }))
	})
}

func without(refs, forgotten []metav1.OwnerReference) []metav1.OwnerReference {
	return slices.DeleteFunc(slices.Clone(refs), func(ref metav1.OwnerReference) bool {
		return slices.ContainsFunc(forgotten, func(f metav1.OwnerReference) bool {
			return f.UID == ref.UID && f.APIVersion == ref.APIVersion && f.Kind == ref.Kind && f.Name == ref.Name
		})
	})
}

func unblocked(refs []metav1.OwnerReference) []metav1.OwnerReference {
	free := slices.Clone(refs)
	for i := range free {
		no := false
		free[i].BlockOwnerDeletion = &no
	}
	return free
}

// patch replaces one field of the metadata of n, if n is still as the graph has it.
func (c *Controller) patch(ctx context.Context, n *node, field string, value any) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": n.uid(), "resourceVersion": n.object.GetResourceVersion(), field: value,
	}})
	if err != nil {
		return fmt.Errorf("encode patch: %w", err)
	}
	_, err = c.metadata.Resource(n.resource).Namespace(n.object.GetNamespace()).Patch(ctx, n.object.GetName(), types.MergePatchType, patch, metav1.PatchOptions{})
	if err == nil || apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("patch %s of %s %q: %w", field, n.resource.Resource, klog.KObj(n.object), err)
}

// remove deletes n, if it is still as the graph has it.
func (c *Controller) remove(ctx context.Context, n *node, policy metav1.DeletionPropagation) error {
	uid, version := n.uid(), n.object.GetResourceVersion()
	err := c.metadata.Resource(n.resource).Namespace(n.object.GetNamespace()).Delete(ctx, n.object.GetName(), metav1.DeleteOptions{
		PropagationPolicy: &policy,
		Preconditions:     &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
	})
	if err == nil {
		klog.FromContext(ctx).V(2).Info("Deleted object", "resource", n.resource.Resource, "object", klog.KObj(n.object), "policy", policy)
		return nil
	}
	if apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("delete %s %q: %w", n.resource.Resource, klog.KObj(n.object), err)
}
