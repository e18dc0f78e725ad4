package objects

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

// changes records what is told.
type changes struct {
	mu   sync.Mutex
	list []string
}

func (c *changes) tell(kind Kind, namespace, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, string(kind)+" "+namespace+"/"+name)
}

func (c *changes) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.list
	c.list = nil
	return list
}

func configMap(name, value string) *v1.ConfigMap {
	return &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, ResourceVersion: value}, Data: map[string]string{"k": value}}
}

func podNaming(uid, name string) *v1.Pod {
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid), Namespace: "ns"}, Spec: v1.PodSpec{
		Containers: []v1.Container{{EnvFrom: []v1.EnvFromSource{{ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: v1.LocalObjectReference{Name: name}}}}}},
	}}
}

func TestWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(configMap("a", "1"))
		told := &changes{}
		w := NewWatcher(client, told.tell)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); w.Run(ctx) }()
		value := func() string {
			t.Helper()
			cm, err := w.ConfigMap(ctx, "ns", "a")
			if apierrors.IsNotFound(err) {
				return "none"
			}
			if err != nil {
				t.Fatal(err)
			}
			return cm.Data["k"]
		}
		if got := value(); got != "1" {
			t.Errorf("before anybody follows: %s", got)
		}
		w.Follow(podNaming("1", "a"))
		w.Follow(podNaming("2", "a"))
		synctest.Wait()
		if diff := cmp.Diff([]string{"ConfigMap ns/a"}, told.take()); diff != "" {
			t.Errorf("two pods, one watch (-want +got):\n%s", diff)
		}
		maps := client.CoreV1().ConfigMaps("ns")
		if _, err := maps.Update(ctx, configMap("a", "2"), metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"ConfigMap ns/a"}, told.take()); diff != "" || value() != "2" {
			t.Errorf("change: value %s (-want +got):\n%s", value(), diff)
		}
		w.Forget(podNaming("1", "a"))
		if n := len(w.watches); n != 1 {
			t.Errorf("%d watches while a pod still names the object", n)
		}
		w.Follow(podNaming("2", "b"))
		if n := len(w.watches); n != 1 {
			t.Errorf("%d watches after the last pod names another object, want 1", n)
		}
		cancel()
		<-done
		synctest.Wait()
	})
}

// TestWatcherEnds: a pod worker that follows objects while the kubelet stops does not keep it from stopping, nor does one after.
func TestWatcherEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWatcher(fake.NewClientset(configMap("a", "1")), (&changes{}).tell)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); w.Run(ctx) }()
		w.Follow(podNaming("1", "a"))
		synctest.Wait()
		cancel()
		// The worker is as fast as Run, or faster, or slower.
		w.Follow(podNaming("2", "b"))
		synctest.Wait()
		w.Follow(podNaming("3", "c"))
		<-done
		w.Follow(podNaming("4", "d"))
		synctest.Wait() // a watch that runs on would end the test with a deadlock
	})
}

func TestLister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(configMap("a", "1"))
		factory := informers.NewSharedInformerFactory(client, 0)
		told := &changes{}
		l, err := NewLister(factory, client, told.tell)
		if err != nil {
			t.Fatal(err)
		}
		// The informers know nothing yet; the API is asked.
		if cm, err := l.ConfigMap(t.Context(), "ns", "a"); err != nil || cm.Data["k"] != "1" {
			t.Errorf("got %v, %v", cm, err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		factory.StartWithContext(ctx)
		synctest.Wait()
		if diff := cmp.Diff([]string{"ConfigMap ns/a"}, told.take()); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if _, err := l.Secret(t.Context(), "ns", "none"); !apierrors.IsNotFound(err) {
			t.Errorf("got %v, want not found", err)
		}
		cancel()
		factory.Shutdown()
	})
}

func TestNames(t *testing.T) {
	ref := v1.LocalObjectReference{Name: "x"}
	for name, tc := range map[string]struct {
		spec v1.PodSpec
		kind Kind
	}{
		"pull secret": {v1.PodSpec{ImagePullSecrets: []v1.LocalObjectReference{ref}}, Secret},
		"volume":      {v1.PodSpec{Volumes: []v1.Volume{{VolumeSource: v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: ref}}}}}, ConfigMap},
		"projected": {v1.PodSpec{Volumes: []v1.Volume{{VolumeSource: v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{
			Sources: []v1.VolumeProjection{{Secret: &v1.SecretProjection{LocalObjectReference: ref}}}}}}}}, Secret},
		"variable of an init container": {v1.PodSpec{InitContainers: []v1.Container{{Env: []v1.EnvVar{{
			ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: ref}}}}}}}, Secret},
	} {
		pod := &v1.Pod{Spec: tc.spec}
		other := Secret
		if tc.kind == Secret {
			other = ConfigMap
		}
		if !Names(pod, tc.kind, "x") || Names(pod, tc.kind, "y") || Names(pod, other, "x") {
			t.Errorf("%s: references are %v", name, references(pod))
		}
	}
}
