package podsecurity

import (
	"context"
	"errors"
	"fmt"
	"io"

	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	podsecurity "k8s.io/pod-security-admission/admission"
	"k8s.io/pod-security-admission/admission/api/load"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/metrics"
	"k8s.io/pod-security-admission/policy"
)

// Name of the plugin.
const Name = "PodSecurity"

// Plugin checks pods against the standards.
type Plugin struct {
	*admission.Handler
	delegate   *podsecurity.Admission
	client     kubernetes.Interface
	namespaces corelisters.NamespaceLister
	pods       corelisters.PodLister
}

var (
	_ admission.ValidationInterface                = (*Plugin)(nil)
	_ initializer.WantsExternalKubeInformerFactory = (*Plugin)(nil)
	_ initializer.WantsExternalKubeClientSet       = (*Plugin)(nil)
)

// Register adds the plugin to the registry. Its configuration is a PodSecurityConfiguration.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, newPlugin)
}

func newPlugin(config io.Reader) (admission.Interface, error) {
	configuration, err := load.LoadFromReader(config)
	if err != nil {
		return nil, fmt.Errorf("read configuration of admission plugin %s: %w", Name, err)
	}
	version := api.LatestVersion()
	checks, err := policy.NewEvaluator(policy.DefaultChecks(), &version)
	if err != nil {
		return nil, fmt.Errorf("set up admission plugin %s: %w", Name, err)
	}
	return &Plugin{
		Handler:  admission.NewHandler(admission.Create, admission.Update),
		delegate: &podsecurity.Admission{Configuration: configuration, Evaluator: checks, Metrics: noRecord{}},
	}, nil
}

// noRecord drops figures: the library's recorder would be of one registry for the whole process.
type noRecord struct{}

var _ metrics.Recorder = noRecord{}

func (noRecord) RecordEvaluation(metrics.Decision, api.LevelVersion, metrics.Mode, api.Attributes) {}
func (noRecord) RecordExemption(api.Attributes)                                                    {}
func (noRecord) RecordError(bool, api.Attributes)                                                  {}

// SetExternalKubeInformerFactory gives the plugin its informers.
func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	core := f.Core().V1()
	p.namespaces, p.pods = core.Namespaces().Lister(), core.Pods().Lister()
	synced := []func() bool{core.Namespaces().Informer().HasSynced, core.Pods().Informer().HasSynced}
	p.SetReadyFunc(func() bool { return synced[0]() && synced[1]() })
}

// SetExternalKubeClientSet gives the plugin its client.
func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.client = c }

// ValidateInitialization checks that everything was given, and finishes what needed it.
func (p *Plugin) ValidateInitialization() error {
	if p.pods == nil || p.client == nil {
		return fmt.Errorf("admission plugin %s needs informers and a client", Name)
	}
	p.delegate.PodLister = podsecurity.PodListerFromInformer(p.pods)
	p.delegate.NamespaceGetter = podsecurity.NamespaceGetterFromListerAndClient(p.namespaces, p.client)
	if err := p.delegate.CompleteConfiguration(); err != nil {
		return fmt.Errorf("complete configuration of admission plugin %s: %w", Name, err)
	}
	if err := p.delegate.ValidateConfiguration(); err != nil {
		return fmt.Errorf("check configuration of admission plugin %s: %w", Name, err)
	}
	return nil
}

// concerns names the resources with pods in them, and namespaces.
func concerns(r schema.GroupResource) bool {
	switch r {
	case corev1.Resource("namespaces"), corev1.Resource("pods"), corev1.Resource("replicationcontrollers"), corev1.Resource("podtemplates"),
		appsv1.Resource("replicasets"), appsv1.Resource("deployments"), appsv1.Resource("statefulsets"), appsv1.Resource("daemonsets"),
		batchv1.Resource("jobs"), batchv1.Resource("cronjobs"):
		return true
	}
	return false
}

// Validate asks the library, and hands its warnings and audit annotations on.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if !concerns(a.GetResource().GroupResource()) {
		return nil
	}
	if !p.WaitForReady() {
		return admission.NewForbidden(a, fmt.Errorf("not yet ready to handle request"))
	}
	response := p.delegate.Validate(ctx, attributes{a})
	for _, w := range response.Warnings {
		warning.AddWarning(ctx, "", w)
	}
	for key, value := range response.AuditAnnotations {
		audit.AddAuditAnnotation(ctx, podsecurityAudit+key, value)
	}
	if response.Allowed {
		return nil
	}
	return refusal(a, response.Result)
}

// podsecurityAudit is the prefix of the annotations that the plugin leaves in the audit log.
const podsecurityAudit = api.AuditAnnotationPrefix

// refusal is the library's answer, which has the code, reason and details of the API's error.
func refusal(a admission.Attributes, result *metav1.Status) error {
	if result == nil {
		return admission.NewForbidden(a, errors.New("not allowed by PodSecurity"))
	}
	return &apierrors.StatusError{ErrStatus: *result}
}

// attributes are a request in the library's terms.
type attributes struct{ admission.Attributes }

func (a attributes) GetOperation() admissionv1.Operation {
	return admissionv1.Operation(a.Attributes.GetOperation())
}
func (a attributes) GetUserName() string                   { return a.GetUserInfo().GetName() }
func (a attributes) GetObject() (runtime.Object, error)    { return a.Attributes.GetObject(), nil }
func (a attributes) GetOldObject() (runtime.Object, error) { return a.Attributes.GetOldObject(), nil }
