package registry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/httpstream/wsstream"
	"k8s.io/apimachinery/pkg/util/proxy"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	translate "k8s.io/apiserver/pkg/util/proxy"

	"github.com/proa-sh/proa/pkg/pods"
)

// connection serves a subresource by passing the request on to another server.
type connection struct {
	newOptions func() runtime.Object
	// path tells that what follows the subresource in the request's path goes into the options' field "path".
	path    bool
	methods []string
	connect func(ctx context.Context, name string, options runtime.Object, r rest.Responder) (http.Handler, error)
}

func (c *connection) New() runtime.Object      { return c.newOptions() }
func (c *connection) Destroy()                 {}
func (c *connection) ConnectMethods() []string { return c.methods }

func (c *connection) NewConnectOptions() (runtime.Object, bool, string) {
	if c.path {
		return c.newOptions(), true, "path"
	}
	return c.newOptions(), false, ""
}

func (c *connection) Connect(ctx context.Context, name string, options runtime.Object, r rest.Responder) (http.Handler, error) {
	return c.connect(ctx, name, options, r)
}

// allMethods are those that a proxied server may be asked with.
func allMethods() []string {
	return []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
}

// podStreams are exec, attach and port-forward: streams to a container's kubelet.
type podStreams struct {
	pods       *genericregistry.Store
	kubelet    *KubeletConnection
	authorizer authorizer.Authorizer
}

// mayCreate refuses a stream to who may not create it. Clients that speak WebSocket begin with a GET, which has been
// authorized as a mere read by now, and a stream is more than that: it runs commands (gate
// AuthorizePodWebsocketUpgradeCreatePermission).
func (p *podStreams) mayCreate(ctx context.Context) error {
	info, ok := request.RequestInfoFrom(ctx)
	who, okWho := request.UserFrom(ctx)
	if !ok || !okWho {
		return apierrors.NewInternalError(fmt.Errorf("authorize a stream: the request has no information about itself"))
	}
	if info.Verb == "create" {
		return nil
	}
	a := authorizer.AttributesRecord{User: who, Verb: "create", Namespace: info.Namespace, APIGroup: info.APIGroup, APIVersion: info.APIVersion,
		Resource: info.Resource, Subresource: info.Subresource, Name: info.Name, ResourceRequest: true, Path: info.Path}
	return allow(ctx, p.authorizer, a)
}

// allow returns the error for a client that may not do this.
func allow(ctx context.Context, by authorizer.Authorizer, a authorizer.Attributes) error {
	decision, reason, err := by.Authorize(ctx, a)
	switch {
	case decision == authorizer.DecisionAllow:
		return nil
	case err != nil:
		return apierrors.NewInternalError(fmt.Errorf("authorize %s of %s/%s: %w", a.GetVerb(), a.GetResource(), a.GetSubresource(), err))
	}
	return responsewriters.ForbiddenStatusError(a, reason)
}

func (p *podStreams) exec() rest.Storage {
	return &connection{newOptions: func() runtime.Object { return &corev1.PodExecOptions{} }, methods: []string{"GET", "POST"},
		connect: func(ctx context.Context, name string, options runtime.Object, r rest.Responder) (http.Handler, error) {
			o, ok := options.(*corev1.PodExecOptions)
			if !ok {
				return nil, fmt.Errorf("invalid options object: %#v", options)
			}
			if err := p.mayCreate(ctx); err != nil {
				return nil, err
			}
			query := streamQuery(o.Stdin, o.Stdout, o.Stderr, o.TTY)
			for _, word := range o.Command {
				query.Add("command", word)
			}
			location, err := p.container(ctx, "exec", name, o.Container, query)
			if err != nil {
				return nil, err
			}
			return translated(location, p.kubelet, r, translate.Options{Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Tty: o.TTY}), nil
		}}
}

func (p *podStreams) attach() rest.Storage {
	return &connection{newOptions: func() runtime.Object { return &corev1.PodAttachOptions{} }, methods: []string{"GET", "POST"},
		connect: func(ctx context.Context, name string, options runtime.Object, r rest.Responder) (http.Handler, error) {
			o, ok := options.(*corev1.PodAttachOptions)
			if !ok {
				return nil, fmt.Errorf("invalid options object: %#v", options)
			}
			if err := p.mayCreate(ctx); err != nil {
				return nil, err
			}
			location, err := p.container(ctx, "attach", name, o.Container, streamQuery(o.Stdin, o.Stdout, o.Stderr, o.TTY))
			if err != nil {
				return nil, err
			}
			return translated(location, p.kubelet, r, translate.Options{Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Tty: o.TTY}), nil
		}}
}

func (p *podStreams) portForward() rest.Storage {
	return &connection{newOptions: func() runtime.Object { return &corev1.PodPortForwardOptions{} }, methods: []string{"GET", "POST"},
		connect: func(ctx context.Context, name string, options runtime.Object, r rest.Responder) (http.Handler, error) {
			o, ok := options.(*corev1.PodPortForwardOptions)
			if !ok {
				return nil, fmt.Errorf("invalid options object: %#v", options)
			}
			if err := p.mayCreate(ctx); err != nil {
				return nil, err
			}
			query := url.Values{}
			for _, port := range o.Ports {
				query.Add("port", fmt.Sprint(port))
			}
			pod, err := read[*corev1.Pod](ctx, p.pods, name)
			if err != nil {
				return nil, err
			}
			base, err := p.kubeletOf(ctx, pod)
			if err != nil {
				return nil, err
			}
			location := base.JoinPath("portForward", pod.Namespace, pod.Name)
			location.RawQuery = query.Encode()
			direct := upgraded(location, p.kubelet, r)
			return translate.NewTranslatingHandler(direct, translate.NewTunnelingHandler(direct), wsstream.IsWebSocketRequestWithTunnelingProtocol), nil
		}}
}

// streamQuery says, in the kubelet's terms, which streams are wanted.
func streamQuery(stdin, stdout, stderr, tty bool) url.Values {
	q := url.Values{}
	for name, on := range map[string]bool{
		corev1.ExecStdinParam: stdin, corev1.ExecStdoutParam: stdout, corev1.ExecStderrParam: stderr, corev1.ExecTTYParam: tty,
	} {
		if on {
			q.Set(name, "1")
		}
	}
	return q
}

// kubeletOf returns the root of the API of the pod's kubelet.
func (p *podStreams) kubeletOf(ctx context.Context, pod *corev1.Pod) (*url.URL, error) {
	if pod.Spec.NodeName == "" {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	return p.kubelet.URL(ctx, pod.Spec.NodeName)
}

// container returns the kubelet's URL for a stream to a container.
func (p *podStreams) container(ctx context.Context, action, name, container string, query url.Values) (*url.URL, error) {
	pod, err := read[*corev1.Pod](ctx, p.pods, name)
	if err != nil {
		return nil, err
	}
	if container, err = chooseContainer(pod, container); err != nil {
		return nil, err
	}
	base, err := p.kubeletOf(ctx, pod)
	if err != nil {
		return nil, err
	}
	location := base.JoinPath(action, pod.Namespace, pod.Name, container)
	location.RawQuery = query.Encode()
	return location, nil
}

// chooseContainer checks a container's name, or finds the one that is meant when none is given.
func chooseContainer(pod *corev1.Pod, name string) (string, error) {
	if name != "" {
		if pods.Container(pod, name) == nil {
			return "", apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", name, pod.Name))
		}
		return name, nil
	}
	if len(pod.Spec.Containers) == 1 {
		return pod.Spec.Containers[0].Name, nil
	}
	var containers, initial, ephemeral []string
	for _, c := range pod.Spec.Containers {
		containers = append(containers, c.Name)
	}
	for _, c := range pod.Spec.InitContainers {
		initial = append(initial, c.Name)
	}
	for _, c := range pod.Spec.EphemeralContainers {
		ephemeral = append(ephemeral, c.Name)
	}
	message := fmt.Sprintf("a container name must be specified for pod %s, choose one of: %v", pod.Name, containers)
	if len(initial) > 0 {
		message += fmt.Sprintf(" or one of the init containers: %v", initial)
	}
	if len(ephemeral) > 0 {
		message += fmt.Sprintf(" or one of the ephemeral containers: %v", ephemeral)
	}
	return "", apierrors.NewBadRequest(message)
}

// upgraded passes an upgrade request on to location.
func upgraded(location *url.URL, k *KubeletConnection, r rest.Responder) *proxy.UpgradeAwareHandler {
	h := proxy.NewUpgradeAwareHandler(location, k.transport, false, true, proxy.NewErrorResponder(r))
	h.RejectForwardingRedirects, h.MaxBytesPerSec = true, k.MaxBytesPerSec
	return h
}

// translated is upgraded for container streams: clients that speak WebSocket are served with it here, since kubelets
// speak SPDY (KEP-4006).
func translated(location *url.URL, k *KubeletConnection, r rest.Responder, o translate.Options) http.Handler {
	return translate.NewTranslatingHandler(upgraded(location, k, r), translate.NewStreamTranslatorHandler(location, k.transport, k.MaxBytesPerSec, o), wsstream.IsWebSocketRequestWithStreamCloseProtocol)
}
