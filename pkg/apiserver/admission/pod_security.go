package admission

import (
	"context"
	"errors"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/warning"
	podsecurity "k8s.io/pod-security-admission/admission"
	"k8s.io/pod-security-admission/admission/api/load"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/metrics"
	"k8s.io/pod-security-admission/policy"
)

// podSecurity holds pods to the Pod Security Standards, as the labels of their namespace say. Its configuration is a
// PodSecurityConfiguration.
func podSecurity() Plugin {
	return Plugin{Name: "PodSecurity", On: []admission.Operation{admission.Create, admission.Update}, Does: validates, New: newStandards}
}

// standards checks pods against the standards.
type standards struct {
	gate
	delegate *podsecurity.Admission
}

func newStandards(in Inputs) (Rules, error) {
	configuration, err := load.LoadFromReader(in.Config)
	if err != nil {
		return Rules{}, fmt.Errorf("read configuration: %w", err)
	}
	version := api.LatestVersion()
	checks, err := policy.NewEvaluator(policy.DefaultChecks(), &version)
	if err != nil {
		return Rules{}, fmt.Errorf("set up checks: %w", err)
	}
	namespaces, pods := in.Informers.Core().V1().Namespaces(), in.Informers.Core().V1().Pods()
	p := &standards{in.gate, &podsecurity.Admission{Configuration: configuration, Evaluator: checks, Metrics: noRecord{},
		PodLister:       podsecurity.PodListerFromInformer(pods.Lister()),
		NamespaceGetter: podsecurity.NamespaceGetterFromListerAndClient(namespaces.Lister(), in.Client)}}
	if err := p.delegate.CompleteConfiguration(); err != nil {
		return Rules{}, fmt.Errorf("complete configuration: %w", err)
	}
	if err := p.delegate.ValidateConfiguration(); err != nil {
		return Rules{}, fmt.Errorf("check configuration: %w", err)
	}
	return Rules{Needs: synced{namespaces.Informer(), pods.Informer()}, Validate: p.validate}, nil
}

// noRecord drops figures: the library's recorder would be of one registry for the whole process.
type noRecord struct{}

var _ metrics.Recorder = noRecord{}

func (noRecord) RecordEvaluation(metrics.Decision, api.LevelVersion, metrics.Mode, api.Attributes) {}
func (noRecord) RecordExemption(api.Attributes)                                                    {}
func (noRecord) RecordError(bool, api.Attributes)                                                  {}

// hasPods names the resources with pods in them, and namespaces.
func hasPods(r schema.GroupResource) bool {
	switch r {
	case corev1.Resource("namespaces"), corev1.Resource("pods"), corev1.Resource("replicationcontrollers"), corev1.Resource("podtemplates"),
		appsv1.Resource("replicasets"), appsv1.Resource("deployments"), appsv1.Resource("statefulsets"), appsv1.Resource("daemonsets"),
		batchv1.Resource("jobs"), batchv1.Resource("cronjobs"):
		return true
	}
	return false
}

// validate asks the library, and hands its warnings and audit annotations on.
func (p *standards) validate(ctx context.Context, a admission.Attributes) error {
	if !hasPods(a.GetResource().GroupResource()) {
		return nil
	}
	if err := p.ready(a); err != nil {
		return err
	}
	response := p.delegate.Validate(ctx, securityAttributes{a})
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

// securityAttributes are a request in the library's terms.
type securityAttributes struct{ admission.Attributes }

func (a securityAttributes) GetOperation() admissionv1.Operation {
	return admissionv1.Operation(a.Attributes.GetOperation())
}
func (a securityAttributes) GetUserName() string                { return a.GetUserInfo().GetName() }
func (a securityAttributes) GetObject() (runtime.Object, error) { return a.Attributes.GetObject(), nil }
func (a securityAttributes) GetOldObject() (runtime.Object, error) {
	return a.Attributes.GetOldObject(), nil
}
