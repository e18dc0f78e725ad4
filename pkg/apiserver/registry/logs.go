package registry

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericrest "k8s.io/apiserver/pkg/registry/generic/rest"
	"k8s.io/apiserver/pkg/registry/rest"
)

// podLog serves pods/log: a stream of text from the container's kubelet.
type podLog struct{ *podStreams }

func (l *podLog) New() runtime.Object { return &corev1.Pod{} }
func (l *podLog) Destroy()            {}

func (l *podLog) NewGetOptions() (runtime.Object, bool, string) {
	return &corev1.PodLogOptions{}, false, ""
}

// ProducesMIMETypes says, for OpenAPI, that a GET answers with text.
func (l *podLog) ProducesMIMETypes(verb string) []string {
	if verb != "GET" {
		return nil
	}
	return []string{"text/plain"}
}

func (l *podLog) ProducesObject(string) any { return "" }

// OverrideMetricsVerb counts a followed log as a connection and not as a slow read.
func (l *podLog) OverrideMetricsVerb(verb string) string {
	if verb == "GET" {
		return "CONNECT"
	}
	return verb
}

func (l *podLog) Get(ctx context.Context, name string, options runtime.Object) (runtime.Object, error) {
	o, ok := options.(*corev1.PodLogOptions)
	if !ok {
		return nil, fmt.Errorf("invalid options object: %#v", options)
	}
	if errs := validateLogOptions(o); len(errs) > 0 {
		return nil, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("PodLogOptions").GroupKind(), name, errs)
	}
	pod, err := read[*corev1.Pod](ctx, l.pods, name)
	if err != nil {
		return nil, err
	}
	container, err := chooseContainer(pod, o.Container)
	if err != nil {
		return nil, err
	}
	if pod.Spec.NodeName == "" {
		return &genericrest.LocationStreamer{}, nil // a pod that is not scheduled has written nothing
	}
	base, err := l.kubelet.URL(ctx, pod.Spec.NodeName)
	if err != nil {
		return nil, err
	}
	location := base.JoinPath("containerLogs", pod.Namespace, pod.Name, container)
	location.RawQuery = logQuery(o).Encode()
	return &genericrest.LocationStreamer{
		Location:                              location,
		Transport:                             l.kubelet.transport,
		ContentType:                           "text/plain",
		Flush:                                 o.Follow,
		ResponseChecker:                       genericrest.NewGenericHttpResponseChecker(corev1.Resource("pods/log"), name),
		RedirectChecker:                       genericrest.PreventRedirects,
		TLSVerificationErrorCounter:           noCount{},
		DeprecatedTLSVerificationErrorCounter: noCount{},
	}, nil
}

// noCount drops a figure that nobody reads: kubelets' certificates are verified or the connection is refused.
type noCount struct{}

func (noCount) Inc() {}

func logQuery(o *corev1.PodLogOptions) url.Values {
	q := url.Values{}
	for name, on := range map[string]bool{"follow": o.Follow, "previous": o.Previous, "timestamps": o.Timestamps} {
		if on {
			q.Set(name, "true")
		}
	}
	for name, value := range map[string]*int64{"sinceSeconds": o.SinceSeconds, "tailLines": o.TailLines, "limitBytes": o.LimitBytes} {
		if value != nil {
			q.Set(name, strconv.FormatInt(*value, 10))
		}
	}
	if o.SinceTime != nil {
		q.Set("sinceTime", o.SinceTime.Format(time.RFC3339))
	}
	if o.Stream != nil && *o.Stream != corev1.LogStreamAll {
		q.Set("stream", *o.Stream)
	}
	return q
}

func validateLogOptions(o *corev1.PodLogOptions) field.ErrorList {
	var errs field.ErrorList
	if o.TailLines != nil && *o.TailLines < 0 {
		errs = append(errs, field.Invalid(field.NewPath("tailLines"), *o.TailLines, "must be greater than or equal to 0"))
	}
	if o.LimitBytes != nil && *o.LimitBytes < 1 {
		errs = append(errs, field.Invalid(field.NewPath("limitBytes"), *o.LimitBytes, "must be greater than 0"))
	}
	if o.SinceSeconds != nil && o.SinceTime != nil {
		errs = append(errs, field.Forbidden(field.NewPath(""), "at most one of `sinceTime` or `sinceSeconds` may be specified"))
	} else if o.SinceSeconds != nil && *o.SinceSeconds < 1 {
		errs = append(errs, field.Invalid(field.NewPath("sinceSeconds"), *o.SinceSeconds, "must be greater than 0"))
	}
	return errs
}

var _ rest.GetterWithOptions = (*podLog)(nil)
