package proxy

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"
)

// benchObjects are the Service with a number and its slice with two endpoints.
func benchObjects(i int) (*corev1.Service, *discoveryv1.EndpointSlice) {
	name, addr := fmt.Sprint("svc-", i), netip.AddrFrom4([4]byte{10, 100, byte(i >> 8), byte(i)}).String()
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
		Spec:       corev1.ServiceSpec{ClusterIP: addr, ClusterIPs: []string{addr}, Ports: []corev1.ServicePort{{Port: 80, Protocol: corev1.ProtocolTCP}}},
	}
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "ns", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Port: ptr.To[int32](8080)}},
	}
	for _, third := range []byte{1, 2} {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{netip.AddrFrom4([4]byte{10, third, byte(i >> 8), byte(i)}).String()}, NodeName: ptr.To("far"),
		})
	}
	return svc, slice
}

// BenchmarkEndpointChange measures from an informer's event to the kernel having it,
// with the window in which changes are collected.
func BenchmarkEndpointChange(b *testing.B) {
	for _, count := range []int{1000, 10000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
			p, err := New(Config{Informers: factory, NodeName: nodeName})
			if err != nil {
				b.Fatal(err)
			}
			for i := range count {
				svc, slice := benchObjects(i)
				p.tracker.setService(svc, false)
				p.tracker.setSlice(slice, false)
			}
			ctx, cancel := context.WithCancel(context.Background())
			factory.Start(ctx.Done())
			done := make(chan error, 1)
			go func() { done <- p.Run(ctx) }()
			begin := time.Now()
			waitUntil(b, func() bool { return p.Healthy() == nil })
			firstSync := time.Since(begin)
			var memory runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&memory)

			_, two := benchObjects(0)
			one := two.DeepCopy()
			one.Endpoints = one.Endpoints[:1]
			next := []*discoveryv1.EndpointSlice{one, two}
			for i := 0; b.Loop(); i++ {
				p.tracker.setSlice(next[i%2], false)
				waitUntil(b, p.state.Idle)
			}
			b.ReportMetric(float64(firstSync.Milliseconds()), "ms-to-first-sync")
			b.ReportMetric(float64(memory.HeapAlloc)/(1<<20), "MiB-heap")
			cancel()
			if err := <-done; err != nil {
				b.Error(err)
			}
			factory.Shutdown()
			if err := Cleanup(context.Background()); err != nil {
				b.Error(err)
			}
		})
	}
}

func waitUntil(b *testing.B, reached func() bool) {
	b.Helper()
	for deadline := time.Now().Add(limit); !reached(); runtime.Gosched() {
		if time.Now().After(deadline) {
			b.Fatal("not reached in time")
		}
	}
}
