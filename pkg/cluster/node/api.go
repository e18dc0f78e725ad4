package node

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	discoveryinformers "k8s.io/client-go/informers/discovery/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/kubelet/server"
)

// API is how the parts of a node reach the API server.
type API struct {
	// Client acts as the node.
	Client kubernetes.Interface
	// Informers are shared by all parts. Start runs those that were asked for.
	Informers informers.SharedInformerFactory
	Start     func()
	// WatchObjects says that the informers do not have the secrets and config maps of all pods.
	WatchObjects bool
	// Authenticator and Authorizer let callers of the kubelet in.
	Authenticator authenticator.Request
	Authorizer    authorizer.Authorizer
}

// Remote reaches the API server over the network, with the certificates in the kubeconfigs of the node. Informers run until
// ctx ends; wait returns when they have.
func Remote(ctx context.Context, c Config) (api *API, wait func(), err error) {
	client, _, err := component.Client("", c.Kubeconfig(pki.Kubelet), "kubelet")
	if err != nil {
		return nil, nil, err
	}
	proxy, _, err := component.Client("", c.Kubeconfig(pki.Proxy), "kube-proxy")
	if err != nil {
		return nil, nil, err
	}
	ca, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca", pki.At(c.PKIDir()).Cert(pki.CA))
	if err != nil {
		return nil, nil, fmt.Errorf("read authority of client certificates: %w", err)
	}
	factory := remoteInformers(client, proxy, c.Name)
	api = &API{Client: client, Informers: factory, Start: func() { factory.StartWithContext(ctx) }, WatchObjects: true}
	api.Authenticator, api.Authorizer, err = server.NewAuth(server.AuthConfig{Client: client, ClientCA: ca, Webhook: true})
	if err != nil {
		return nil, nil, err
	}
	return api, factory.Shutdown, nil
}

// remoteInformers are one set for all parts. A node may read its own pods, and nothing of other nodes; what the service proxy
// and the pod network need of those is read with the service proxy's identity.
func remoteInformers(kubelet, proxy kubernetes.Interface, node string) informers.SharedInformerFactory {
	factory := informers.NewSharedInformerFactoryWithOptions(kubelet, 0, informers.WithTransform(WithoutManagedFields))
	index := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	// The factory hands out what was registered first for a type.
	factory.InformerFor(&corev1.Pod{}, func(_ kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
		return coreinformers.NewFilteredPodInformer(kubelet, metav1.NamespaceAll, resync, index, func(l *metav1.ListOptions) {
			l.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", node).String()
		})
	})
	for object, newInformer := range map[runtime.Object]func(kubernetes.Interface, time.Duration) cache.SharedIndexInformer{
		&corev1.Node{}: func(c kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
			return coreinformers.NewNodeInformer(c, resync, index)
		},
		&corev1.Service{}: func(c kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
			return coreinformers.NewServiceInformer(c, metav1.NamespaceAll, resync, index)
		},
		&discoveryv1.EndpointSlice{}: func(c kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
			return discoveryinformers.NewEndpointSliceInformer(c, metav1.NamespaceAll, resync, index)
		},
	} {
		factory.InformerFor(object, func(_ kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
			return newInformer(proxy, resync)
		})
	}
	return factory
}

// WithoutManagedFields is a transform of informers. It keeps what nobody reads out of memory.
func WithoutManagedFields(object any) (any, error) {
	if accessor, ok := object.(metav1.Object); ok {
		accessor.SetManagedFields(nil)
	}
	return object, nil
}
