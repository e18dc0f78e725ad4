package proxy

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/proa-sh/proa/pkg/proxy/internal/netnstest"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"
)

func TestMain(m *testing.M) { os.Exit(netnstest.Main(m)) }

const (
	nodeName   = "node-1"
	servedPort = 8080
	// limit bounds the wait for a state that is known to come.
	limit = 20 * time.Second
)

// bench is a running proxy on the node of a cluster.
type bench struct {
	*netnstest.Cluster
	client kubernetes.Interface
	proxy  *Proxy
	stop   func()
}

func start(t *testing.T, change func(*Config)) *bench {
	t.Helper()
	b := &bench{Cluster: netnstest.New(t), client: fake.NewClientset()}
	for _, pod := range b.Pods {
		pod.Serve(t, servedPort)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName}}
	for _, addr := range netnstest.NodeAddrs() {
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: addr.String()})
	}
	create(t, b.client.CoreV1().Nodes().Create, node)
	b.run(t, change)
	t.Cleanup(func() {
		b.stop()
		if err := Cleanup(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// run starts a proxy, which stop ends.
func (b *bench) run(t *testing.T, change func(*Config)) {
	t.Helper()
	config := Config{
		Informers:       informers.NewSharedInformerFactory(b.client, 0),
		NodeName:        nodeName,
		DetectLocalMode: LocalModeClusterCIDR,
		ClusterCIDRs:    netnstest.PodPrefixes(),
	}
	if change != nil {
		change(&config)
	}
	made, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	config.Informers.Start(ctx.Done())
	done := make(chan error, 1)
	go func() { done <- made.Run(ctx) }()
	b.proxy = made
	b.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		config.Informers.Shutdown()
		b.stop = func() {}
	}
}

func create[T any](t *testing.T, f func(context.Context, T, metav1.CreateOptions) (T, error), object T) {
	t.Helper()
	if _, err := f(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) service(name, clusterIP string, protocol corev1.Protocol) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, ClusterIP: clusterIP, ClusterIPs: []string{clusterIP},
			Ports: []corev1.ServicePort{{Port: 80, Protocol: protocol}},
		},
	}
}

// slice has ready endpoints at the addresses of pods.
func (b *bench) slice(service string, protocol corev1.Protocol, pods ...*netnstest.Host) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: service + "-1", Labels: map[string]string{
			discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To(""), Port: ptr.To[int32](servedPort), Protocol: &protocol}},
	}
	for _, pod := range pods {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{pod.Addrs[0].Addr().String()}, NodeName: ptr.To(nodeName),
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
		})
	}
	return slice
}

// eventually waits until a question has an answer.
func eventually(t *testing.T, want string, ask func() string) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		got := ask()
		if got == want {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("got %q, want %q after %v", got, want, limit)
		}
	}
}

func TestServiceLifeCycle(t *testing.T) {
	b := start(t, nil)
	ctx, front := t.Context(), netip.MustParseAddrPort("10.96.0.10:80")
	ask := func() string { return netnstest.Who(b.Pods[1].AskBriefly(t, "tcp", front)) }

	create(t, b.client.CoreV1().Services("ns").Create, b.service("web", "10.96.0.10", corev1.ProtocolTCP))
	eventually(t, "refused", ask)
	create(t, b.client.DiscoveryV1().EndpointSlices("ns").Create, b.slice("web", corev1.ProtocolTCP, b.Pods[0]))
	eventually(t, "pod-a", ask)
	if err := b.proxy.Healthy(); err != nil {
		t.Error(err)
	}
	if _, err := b.client.DiscoveryV1().EndpointSlices("ns").Update(ctx, b.slice("web", corev1.ProtocolTCP, b.Pods[1]), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pod-b", ask)

	svc := b.service("web", "10.96.0.10", corev1.ProtocolTCP)
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	if _, err := b.client.CoreV1().Services("ns").Update(ctx, svc, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	nodePort := netip.AddrPortFrom(netnstest.NodeAddrs()[0], 30080)
	eventually(t, "pod-b", func() string { return netnstest.Who(b.Outside.AskBriefly(t, "tcp", nodePort)) })

	// Rules outlive the proxy, and a new one takes over what changed meanwhile.
	b.stop()
	eventually(t, "pod-b", ask)
	if _, err := b.client.DiscoveryV1().EndpointSlices("ns").Update(ctx, b.slice("web", corev1.ProtocolTCP, b.Pods[0]), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	b.run(t, nil)
	eventually(t, "pod-a", ask)
	if err := b.client.CoreV1().Services("ns").Delete(ctx, "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "refused", func() string { return netnstest.Who(b.Outside.AskBriefly(t, "tcp", nodePort)) })
}

func TestRulesComeBack(t *testing.T) {
	b := start(t, nil)
	front := netip.MustParseAddrPort("10.96.0.10:80")
	ask := func() string { return netnstest.Who(b.Pods[1].AskBriefly(t, "tcp", front)) }
	create(t, b.client.DiscoveryV1().EndpointSlices("ns").Create, b.slice("web", corev1.ProtocolTCP, b.Pods[0]))
	create(t, b.client.CoreV1().Services("ns").Create, b.service("web", "10.96.0.10", corev1.ProtocolTCP))
	eventually(t, "pod-a", ask)
	for _, damage := range [][]string{
		{"flush", "ruleset"},
		{"flush", "table", "ip", TableName},
		{"delete", "table", "ip", TableName},
		{"flush", "chain", "ip", TableName, "services"},
	} {
		if out, err := exec.Command("nft", damage...).CombinedOutput(); err != nil {
			t.Fatalf("nft %v: %v: %s", damage, err, out)
		}
		eventually(t, "pod-a", ask)
	}
}

func TestStaleUDPClient(t *testing.T) {
	b := start(t, nil)
	front := netip.MustParseAddrPort("10.96.0.10:80")
	// One client socket for the whole test, as a resolver has.
	var conn net.Conn
	b.Pods[1].Do(t, func() {
		var err error
		conn, err = net.Dial("udp", front.String())
		if err != nil {
			t.Error(err)
		}
	})
	defer func() { _ = conn.Close() }()
	ask := func() string {
		if _, err := conn.Write([]byte("hello")); err != nil {
			return "error"
		}
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		buffer := make([]byte, 100)
		n, err := conn.Read(buffer)
		if err != nil {
			return "no answer"
		}
		return netnstest.Who(string(buffer[:n]))
	}
	// Before there is a Service its packets leave by the default route.
	if got := ask(); got == "pod-a" {
		t.Fatalf("got an answer without a Service")
	}
	create(t, b.client.CoreV1().Services("ns").Create, b.service("dns", "10.96.0.10", corev1.ProtocolUDP))
	create(t, b.client.DiscoveryV1().EndpointSlices("ns").Create, b.slice("dns", corev1.ProtocolUDP, b.Pods[0]))
	eventually(t, "pod-a", ask)
	second := b.slice("dns", corev1.ProtocolUDP, b.Pods[0])
	second.Endpoints[0].Addresses = []string{b.Pods[1].Addrs[0].Addr().String()}
	if _, err := b.client.DiscoveryV1().EndpointSlices("ns").Update(t.Context(), second, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pod-b", ask)
}

func TestHealthChecks(t *testing.T) {
	b := start(t, func(c *Config) { c.HealthzBindAddress = "127.0.0.1:10256" })
	status := func(url string) string {
		response, err := http.Get(url)
		if err != nil {
			return "no answer"
		}
		defer func() { _ = response.Body.Close() }()
		body := map[string]any{}
		if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
			return err.Error()
		}
		return response.Status
	}
	eventually(t, "200 OK", func() string { return status("http://127.0.0.1:10256/healthz") })
	eventually(t, "200 OK", func() string { return status("http://127.0.0.1:10256/livez") })

	svc := b.service("web", "10.96.0.10", corev1.ProtocolTCP)
	svc.Spec.Type, svc.Spec.ExternalTrafficPolicy = corev1.ServiceTypeLoadBalancer, corev1.ServiceExternalTrafficPolicyLocal
	svc.Spec.HealthCheckNodePort = 32000
	create(t, b.client.CoreV1().Services("ns").Create, svc)
	check := "http://" + netip.AddrPortFrom(netnstest.NodeAddrs()[0], 32000).String()
	eventually(t, "503 Service Unavailable", func() string { return status(check) })
	create(t, b.client.DiscoveryV1().EndpointSlices("ns").Create, b.slice("web", corev1.ProtocolTCP, b.Pods[0]))
	eventually(t, "200 OK", func() string { return status(check) })
	if err := b.client.CoreV1().Services("ns").Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no answer", func() string { return status(check) })

	node, err := b.client.CoreV1().Nodes().Get(t.Context(), nodeName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	node.Spec.Taints = []corev1.Taint{{Key: autoscalerTaint, Effect: corev1.TaintEffectNoSchedule}}
	if _, err := b.client.CoreV1().Nodes().Update(t.Context(), node, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "503 Service Unavailable", func() string { return status("http://127.0.0.1:10256/healthz") })
	eventually(t, "200 OK", func() string { return status("http://127.0.0.1:10256/livez") })
}

func TestTwoServicesWantOneAddress(t *testing.T) {
	b := start(t, nil)
	shared := netip.MustParseAddrPort("198.51.100.1:80")
	ask := func() string { return netnstest.Who(b.Outside.AskBriefly(t, "tcp", shared)) }
	for i, name := range []string{"first", "second"} {
		svc := b.service(name, []string{"10.96.0.10", "10.96.0.11"}[i], corev1.ProtocolTCP)
		svc.CreationTimestamp = metav1.NewTime(time.Unix(int64(i), 0))
		svc.Spec.ExternalIPs = []string{shared.Addr().String()}
		create(t, b.client.DiscoveryV1().EndpointSlices("ns").Create, b.slice(name, corev1.ProtocolTCP, b.Pods[i]))
		create(t, b.client.CoreV1().Services("ns").Create, svc)
		eventually(t, []string{"pod-a", "pod-b"}[i], func() string {
			return netnstest.Who(b.Pods[1-i].AskBriefly(t, "tcp", netip.AddrPortFrom(netip.MustParseAddr(svc.Spec.ClusterIP), 80)))
		})
	}
	eventually(t, "pod-a", ask)
	if err := b.client.CoreV1().Services("ns").Delete(t.Context(), "first", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pod-b", ask)
}

// TestHealthPortThatIsTaken: that one Service's health cannot be told takes the node out of no load balancer of another.
func TestHealthPortThatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", ":32001")
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, nil)
	for i, name := range []string{"blocked", "good"} {
		svc := b.service(name, []string{"10.96.0.10", "10.96.0.11"}[i], corev1.ProtocolTCP)
		svc.Spec.Type, svc.Spec.ExternalTrafficPolicy = corev1.ServiceTypeLoadBalancer, corev1.ServiceExternalTrafficPolicyLocal
		svc.Spec.HealthCheckNodePort = []int32{32001, 32002}[i]
		create(t, b.client.DiscoveryV1().EndpointSlices("ns").Create, b.slice(name, corev1.ProtocolTCP, b.Pods[0]))
		create(t, b.client.CoreV1().Services("ns").Create, svc)
	}
	front := netip.MustParseAddrPort("10.96.0.10:80")
	eventually(t, "pod-a", func() string { return netnstest.Who(b.Pods[1].AskBriefly(t, "tcp", front)) })
	eventually(t, "true", func() string { return strconv.FormatBool(b.proxy.state.Idle()) })
	status := func(port uint16) string {
		response, err := http.Get("http://" + netip.AddrPortFrom(netnstest.NodeAddrs()[0], port).String())
		if err != nil {
			return "no answer"
		}
		defer func() { _ = response.Body.Close() }()
		return response.Status
	}
	eventually(t, "200 OK", func() string { return status(32002) })
	// It is tried again.
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "200 OK", func() string { return status(32001) })
}
