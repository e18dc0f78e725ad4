package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// machine is a container runtime whose readiness the test sets.
type machine struct {
	mu      sync.Mutex
	err     error
	network bool
	asked   int
}

func (m *machine) set(err error, network bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err, m.network = err, network
}

func (m *machine) Version(context.Context, string) (*runtimeapi.VersionResponse, error) {
	return &runtimeapi.VersionResponse{RuntimeName: "containerd", RuntimeVersion: "v2.3.7"}, nil
}

func (m *machine) Status(context.Context, bool) (*runtimeapi.StatusResponse, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	if m.err != nil {
		return nil, m.err
	}
	return &runtimeapi.StatusResponse{
		Status: &runtimeapi.RuntimeStatus{Conditions: []*runtimeapi.RuntimeCondition{
			{Type: runtimeapi.RuntimeReady, Status: true},
			{Type: runtimeapi.NetworkReady, Status: m.network, Reason: "NetworkPluginNotReady", Message: "cni plugin not initialized"},
		}},
		RuntimeHandlers: []*runtimeapi.RuntimeHandler{{Name: "runc", Features: &runtimeapi.RuntimeHandlerFeatures{UserNamespaces: true}}, {Name: ""}},
		Features:        &runtimeapi.RuntimeFeatures{SupplementalGroupsPolicy: true},
	}, nil
}

// setup is a node with its surroundings, inside a synctest bubble.
type setup struct {
	client  *fake.Clientset
	events  *record.FakeRecorder
	runtime *machine
	node    *Node
	stop    func()
}

func start(t *testing.T, objects ...v1.Node) *setup {
	t.Helper()
	s := &setup{client: fake.NewClientset(), events: record.NewFakeRecorder(100), runtime: &machine{network: true}}
	for i := range objects {
		if err := s.client.Tracker().Add(&objects[i]); err != nil {
			t.Fatal(err)
		}
	}
	node, err := New(Config{
		Name: "n1", Client: s.client, Recorder: s.events, Runtime: s.runtime, Register: true,
		Labels: map[string]string{"rack": "7"}, Taints: []v1.Taint{{Key: "t", Effect: v1.TaintEffectNoSchedule}},
		Capacity: v1.ResourceList{v1.ResourceCPU: resource.MustParse("2")}, KubeletPort: 10250,
		Addresses: []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: "10.0.0.1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.node = node
	return s
}

func (s *setup) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.node.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	synctest.Wait()
}

func (s *setup) current(t *testing.T) *v1.Node {
	t.Helper()
	node, err := s.client.CoreV1().Nodes().Get(t.Context(), "n1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return node
}

// writes counts what was written to nodes since the last call.
func (s *setup) writes() int {
	count := 0
	for _, action := range s.client.Actions() {
		if action.GetResource().Resource == "nodes" && slices.Contains([]string{"create", "patch", "update"}, action.GetVerb()) {
			count++
		}
	}
	s.client.ClearActions()
	return count
}

func (s *setup) seen() []string {
	var reasons []string
	for {
		select {
		case event := <-s.events.Events:
			reasons = append(reasons, strings.Fields(event)[1])
		default:
			return reasons
		}
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.run(t)
		defer func() { s.stop() }()
		node := s.current(t)
		wantLabels := map[string]string{"rack": "7", "kubernetes.io/hostname": "n1"}
		for key, value := range wantLabels {
			if node.Labels[key] != value {
				t.Errorf("label %s = %q, want %q", key, node.Labels[key], value)
			}
		}
		for _, key := range []string{"kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch"} {
			if node.Labels[key] == "" {
				t.Errorf("label %s is missing", key)
			}
		}
		if len(node.Spec.Taints) != 1 || node.Status.NodeInfo.ContainerRuntimeVersion != "containerd://v2.3.7" {
			t.Errorf("registered as %+v", node)
		}
		if len(node.Status.RuntimeHandlers) != 2 || node.Status.RuntimeHandlers[0].Name != "" || !*node.Status.Features.SupplementalGroupsPolicy {
			t.Errorf("runtime features: %+v %+v", node.Status.RuntimeHandlers, node.Status.Features)
		}
		if ready := findCondition(node.Status.Conditions, v1.NodeReady); ready.Status != v1.ConditionTrue {
			t.Errorf("registered with %+v", ready)
		}
		want := []string{"Starting", "NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeReady"}
		if diff := cmp.Diff(want, s.seen()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if writes := s.writes(); writes != 1 {
			t.Errorf("%d writes to register", writes)
		}

		// Nothing changes: the Lease is renewed, the Node is not written until five minutes have passed.
		<-time.After(4*time.Minute + 50*time.Second)
		synctest.Wait()
		if writes := s.writes(); writes != 0 {
			t.Errorf("%d writes while nothing changed", writes)
		}
		lease, err := s.client.CoordinationV1().Leases(v1.NamespaceNodeLease).Get(t.Context(), "n1", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(lease.Spec.RenewTime.Time); age > 11*time.Second || *lease.Spec.LeaseDurationSeconds != 40 || *lease.Spec.HolderIdentity != "n1" {
			t.Errorf("lease of age %s: %+v", age, lease.Spec)
		}
		if len(lease.OwnerReferences) != 1 || lease.OwnerReferences[0].Kind != "Node" {
			t.Errorf("owner of the lease: %v", lease.OwnerReferences)
		}
		<-time.After(30 * time.Second)
		synctest.Wait()
		if writes := s.writes(); writes != 1 {
			t.Errorf("%d writes after five minutes, want 1", writes)
		}
	})
}

func TestReadinessTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.runtime.set(errors.New("no socket"), false)
		s.run(t)
		defer func() { s.stop() }()
		ready := findCondition(s.current(t).Status.Conditions, v1.NodeReady)
		if ready.Status != v1.ConditionFalse || ready.Reason != "KubeletNotReady" || ready.Message != "container runtime is down: no socket" {
			t.Errorf("without runtime: %+v", ready)
		}
		s.runtime.set(nil, false)
		<-time.After(100 * time.Millisecond)
		synctest.Wait()
		ready = findCondition(s.current(t).Status.Conditions, v1.NodeReady)
		if want := "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized"; ready.Message != want {
			t.Errorf("without network: %+v", ready)
		}
		if s.node.RuntimeReady() != nil || s.node.NetworkReady() == nil {
			t.Errorf("runtime %v, network %v", s.node.RuntimeReady(), s.node.NetworkReady())
		}
		s.runtime.set(nil, true)
		<-time.After(400 * time.Millisecond)
		synctest.Wait()
		ready = findCondition(s.current(t).Status.Conditions, v1.NodeReady)
		if ready.Status != v1.ConditionTrue {
			t.Errorf("400 ms after the network came: %+v", ready)
		}
		if seen := s.seen(); !slices.Contains(seen, "NodeNotReady") || !slices.Contains(seen, "NodeReady") {
			t.Errorf("events %v", seen)
		}
		// A runtime that goes away is noticed at the next look.
		s.runtime.set(errors.New("gone"), false)
		s.node.Notify()
		synctest.Wait()
		node := s.current(t)
		if ready = findCondition(node.Status.Conditions, v1.NodeReady); ready.Status != v1.ConditionFalse {
			t.Errorf("after the runtime went: %+v", ready)
		}
		if node.Status.NodeInfo.ContainerRuntimeVersion != "containerd://v2.3.7" {
			t.Errorf("version of the absent runtime: %q", node.Status.NodeInfo.ContainerRuntimeVersion)
		}
	})
}

func TestTakesOverExistingNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"kubernetes.io/arch": "pdp11", "custom": "kept", "rack": "9"}},
			Spec:       v1.NodeSpec{PodCIDR: "10.1.0.0/24", Taints: []v1.Taint{{Key: "other", Effect: v1.TaintEffectNoExecute}}},
			Status:     v1.NodeStatus{Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionUnknown, Reason: "NodeStatusUnknown"}}},
		})
		s.run(t)
		defer func() { s.stop() }()
		node := s.current(t)
		if node.Labels["kubernetes.io/arch"] == "pdp11" || node.Labels["custom"] != "kept" || node.Labels["rack"] != "9" {
			t.Errorf("labels %v", node.Labels)
		}
		if node.Spec.PodCIDR != "10.1.0.0/24" || len(node.Spec.Taints) != 1 || node.Spec.Taints[0].Key != "other" {
			t.Errorf("spec %+v", node.Spec)
		}
		if ready := findCondition(node.Status.Conditions, v1.NodeReady); ready.Status != v1.ConditionTrue {
			t.Errorf("ready: %+v", ready)
		}
		// Somebody else declares the node unknown: corrected at the next look.
		lost := node.DeepCopy()
		findCondition(lost.Status.Conditions, v1.NodeReady).Status = v1.ConditionUnknown
		if _, err := s.client.CoreV1().Nodes().UpdateStatus(t.Context(), lost, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		<-time.After(11 * time.Second)
		synctest.Wait()
		if ready := findCondition(s.current(t).Status.Conditions, v1.NodeReady); ready.Status != v1.ConditionTrue {
			t.Errorf("after it was declared unknown: %+v", ready)
		}
	})
}

func TestRegistrationIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		failures := 3
		s.client.PrependReactor("create", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
			failures--
			return failures >= 0, nil, errors.New("server is starting")
		})
		s.run(t)
		defer func() { s.stop() }()
		if s.node.Healthy() == nil {
			t.Error("healthy without being registered")
		}
		// Before it is registered the node is known as configured.
		if node, err := s.node.Node(t.Context()); err != nil || node.Status.Capacity.Cpu().Value() != 2 {
			t.Errorf("node before registration: %+v, %v", node, err)
		}
		<-time.After(time.Second)
		synctest.Wait()
		if err := s.node.Healthy(); err != nil {
			t.Error(err)
		}
	})
}
