package registry

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/tools/cache"
)

func addPodActions(_ context.Context, d *Dependencies, served Served) error {
	pods, err := d.store("", "pods")
	if err != nil {
		return err
	}
	insecure, err := insecureTransport()
	if err != nil {
		return err
	}
	slices := d.Informers.Discovery().V1().EndpointSlices().Informer()
	if err := slices.AddIndexers(cache.Indexers{byService: indexByService}); err != nil {
		return fmt.Errorf("index endpoint slices: %w", err)
	}
	streams := &podStreams{pods, d.Kubelet, d.Authorizer}
	served.add("", "v1", "pods/exec", streams.exec())
	served.add("", "v1", "pods/attach", streams.attach())
	served.add("", "v1", "pods/portforward", streams.portForward())
	served.add("", "v1", "pods/log", &podLog{streams})
	served.add("", "v1", "pods/proxy", httpProxy(func() runtime.Object { return &corev1.PodProxyOptions{} },
		func(o runtime.Object) string { return o.(*corev1.PodProxyOptions).Path }, d.Kubelet.MaxBytesPerSec, d.locatePod(insecure)))
	served.add("", "v1", "services/proxy", httpProxy(func() runtime.Object { return &corev1.ServiceProxyOptions{} },
		func(o runtime.Object) string { return o.(*corev1.ServiceProxyOptions).Path }, d.Kubelet.MaxBytesPerSec, d.locateService(insecure)))
	bind := &binder{pods}
	served.add("", "v1", "pods/binding", bind)
	served.add("", "v1", "bindings", &plainBinder{bind})
	evict, err := newEvictor(d, pods)
	if err != nil {
		return err
	}
	served.add("", "v1", "pods/eviction", evict)
	return nil
}

func addNodeActions(_ context.Context, d *Dependencies, served Served) error {
	insecure, err := insecureTransport()
	if err != nil {
		return err
	}
	served.add("", "v1", "nodes/proxy", httpProxy(func() runtime.Object { return &corev1.NodeProxyOptions{} },
		func(o runtime.Object) string { return o.(*corev1.NodeProxyOptions).Path }, d.Kubelet.MaxBytesPerSec, d.locateNode(insecure)))
	return nil
}

// binder serves pods/binding: it gives a pod its node, once.
type binder struct{ pods *genericregistry.Store }

func (b *binder) New() runtime.Object   { return &corev1.Binding{} }
func (b *binder) Destroy()              {}
func (b *binder) NamespaceScoped() bool { return true }

// PreserveRequestObjectMetaSystemFieldsOnSubresourceCreate keeps the UID that a binding names the pod by.
func (b *binder) PreserveRequestObjectMetaSystemFieldsOnSubresourceCreate() bool { return true }

func (b *binder) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	binding, ok := obj.(*corev1.Binding)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Binding object: %#v", obj))
	}
	if name != binding.Name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Binding object")
	}
	if errs := validateBinding(binding); len(errs) > 0 {
		return nil, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Binding").GroupKind(), name, errs)
	}
	if validate != nil {
		if err := validate(ctx, binding.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	if err := b.assign(ctx, binding, options); err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

func validateBinding(b *corev1.Binding) field.ErrorList {
	var errs field.ErrorList
	target := field.NewPath("target")
	if b.Target.Kind != "" && b.Target.Kind != "Node" {
		errs = append(errs, field.NotSupported(target.Child("kind"), b.Target.Kind, []string{"Node", "<empty>"}))
	}
	if b.Target.Name == "" {
		errs = append(errs, field.Required(target.Child("name"), ""))
	}
	return errs
}

// assign sets the node, the labels and annotations of the binding, and the condition PodScheduled in one write.
func (b *binder) assign(ctx context.Context, binding *corev1.Binding, options *metav1.CreateOptions) error {
	key, err := b.pods.KeyFunc(ctx, binding.Name)
	if err != nil {
		return err
	}
	var preconditions *metav1.Preconditions
	if binding.UID != "" || binding.ResourceVersion != "" {
		preconditions = &metav1.Preconditions{}
		if binding.UID != "" {
			preconditions.UID = new(types.UID)
			*preconditions.UID = binding.UID
		}
		if binding.ResourceVersion != "" {
			preconditions.ResourceVersion = &binding.ResourceVersion
		}
	}
	err = b.pods.Storage.GuaranteedUpdate(ctx, key, &corev1.Pod{}, false, storagePreconditions(preconditions), simpleUpdate(func(pod *corev1.Pod) error {
		return bindPod(pod, binding)
	}), dryRun(options.DryRun), nil)
	if err != nil {
		err = storageError(err, schema.GroupResource{Resource: "pods"}, binding.Name)
	}
	return err
}

func bindPod(pod *corev1.Pod, binding *corev1.Binding) error {
	if pod.DeletionTimestamp != nil {
		return fmt.Errorf("pod %s is being deleted, cannot be assigned to a host", pod.Name)
	}
	if pod.Spec.NodeName != "" {
		return fmt.Errorf("pod %v is already assigned to node %q", pod.Name, pod.Spec.NodeName)
	}
	if len(pod.Spec.SchedulingGates) > 0 {
		return fmt.Errorf("pod %v has non-empty .spec.schedulingGates", pod.Name)
	}
	pod.Spec.NodeName = binding.Target.Name
	pod.Status.NominatedNodeName = "" // it has served its purpose (KEP-5278)
	if pod.Annotations == nil && len(binding.Annotations) > 0 {
		pod.Annotations = map[string]string{}
	}
	maps.Copy(pod.Annotations, binding.Annotations)
	if pod.Labels == nil && len(binding.Labels) > 0 {
		pod.Labels = map[string]string{}
	}
	maps.Copy(pod.Labels, binding.Labels)
	setCondition(&pod.Status, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()})
	return nil
}

func setCondition(s *corev1.PodStatus, c corev1.PodCondition) {
	for i := range s.Conditions {
		if s.Conditions[i].Type == c.Type {
			c.ObservedGeneration = s.Conditions[i].ObservedGeneration
			s.Conditions[i] = c
			return
		}
	}
	s.Conditions = append(s.Conditions, c)
}

// plainBinder serves bindings, which name the pod in the object.
type plainBinder struct{ *binder }

func (p *plainBinder) GetSingularName() string { return "binding" }

func (p *plainBinder) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	binding, ok := obj.(*corev1.Binding)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Binding object: %#v", obj))
	}
	return p.binder.Create(ctx, binding.Name, binding, validate, options)
}
