package apiserver

import (
	"context"
	"fmt"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	genericapiserver "k8s.io/apiserver/pkg/server"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/apiserver/options"
	"github.com/proa-sh/proa/pkg/apiserver/upkeep"
)

// withdrawTimeout bounds the time that a server takes at its end to leave the endpoints of the Service kubernetes.
const withdrawTimeout = 5 * time.Second

// addUpkeep builds the loop that keeps what a cluster starts with. The server is ready when each part has been seen to.
func (s *Server) addUpkeep() error {
	kubernetes, err := s.serviceOfServers()
	if err != nil {
		return err
	}
	ranges, err := s.options.ServiceRanges()
	if err != nil {
		return err
	}
	s.events = record.NewBroadcaster()
	s.keep = &upkeep.Config{Client: s.client, Informers: s.informers, ServiceRanges: ranges, Kubernetes: kubernetes, Addresses: s.addresses, Ports: s.ports, Doubts: s.doubts,
		Recorder: s.events.NewRecorder(s.scheme, corev1.EventSource{Component: "kube-apiserver"}), Now: time.Now}
	if s.loop, err = upkeep.NewLoop(upkeep.Parts(s.keep)); err != nil {
		return err
	}
	for _, name := range s.loop.Names() {
		// The only error is the end of the server, which the library would take for a fault.
		wait := func(hook genericapiserver.PostStartHookContext) error {
			_ = s.loop.Wait(hook, name)
			return nil
		}
		if err := s.core.AddPostStartHook(name, wait); err != nil {
			return err
		}
	}
	return s.core.AddPreShutdownHook("stop-kubernetes-service-controller", s.withdraw)
}

// serviceOfServers says how pods reach this server and its like.
func (s *Server) serviceOfServers() (upkeep.Kubernetes, error) {
	_, port, err := s.generic.SecureServing.HostPort()
	if err != nil {
		return upkeep.Kubernetes{}, fmt.Errorf("find the port that is served: %w", err)
	}
	ranges, err := s.options.ServiceRanges()
	if err != nil {
		return upkeep.Kubernetes{}, err
	}
	k := upkeep.Kubernetes{ServiceIP: ranges[0].Addr().Next(), Port: int32(port), NodePort: int32(s.options.KubernetesServiceNodePort)}
	if s.options.EndpointReconcilerType != options.ReconcileLease {
		return k, nil
	}
	if address := s.options.AdvertisedIP(); publishable(address) {
		k.Address = address.String()
	} else {
		klog.Background().Info("No other machine can reach the advertised address; the Service kubernetes gets no endpoint for this server", "address", address)
	}
	leases, destroy, err := upkeep.NewLeases(s.generic.RESTOptionsGetter)
	if err != nil {
		return upkeep.Kubernetes{}, err
	}
	s.core.RegisterDestroyFunc(destroy)
	k.Leases = leases
	return k, nil
}

// publishable reports whether an address may be that of an endpoint.
func publishable(ip net.IP) bool {
	return ip != nil && !ip.IsUnspecified() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() && !ip.IsMulticast()
}

// runUpkeep runs the loop from when the server serves until ctx ends.
func (s *Server) runUpkeep(ctx context.Context) {
	defer close(s.upkeepEnded)
	select {
	case <-s.started:
	case <-ctx.Done():
		return
	}
	s.events.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: s.client.CoreV1().Events("")})
	defer s.events.Shutdown()
	s.loop.Run(ctx)
}

// awaitUpkeep closes ready when each part has been seen to.
func (s *Server) awaitUpkeep(ctx context.Context) {
	for _, name := range s.loop.Names() {
		if s.loop.Wait(ctx, name) != nil {
			return // the server ends
		}
	}
	close(s.ready)
}

// withdraw leaves the endpoints before requests in flight are waited for, so that no new client comes.
func (s *Server) withdraw() error {
	<-s.upkeepEnded
	ctx, cancel := context.WithTimeout(context.Background(), withdrawTimeout)
	defer cancel()
	if err := s.keep.Withdraw(ctx); err != nil {
		// Its lease ends by itself, and the others see it.
		klog.FromContext(ctx).Error(err, "Could not take this server out of the endpoints of the Service kubernetes")
	}
	return nil
}
