package integration

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/proa-sh/proa/test/cluster"
)

// TestInformers compares what in-process informers hold with what a client reads, while objects come, change and go.
func TestInformers(t *testing.T) {
	api := cluster.StartAPI(t)
	ctx := t.Context()
	factory := api.Server.Informers()
	informer := factory.Core().V1().ConfigMaps()
	deleted := make(chan string, 100)
	_, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: func(o any) {
		if m, ok := o.(*corev1.ConfigMap); ok && m.Namespace == "default" {
			deleted <- m.Name
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	factory.StartWithContext(ctx)
	if err := factory.WaitForCacheSyncWithContext(ctx).Err; err != nil {
		t.Fatal(err)
	}

	maps := api.Client.CoreV1().ConfigMaps("default")
	const count = 20
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() {
			name := fmt.Sprint("m", i)
			m, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
			for j := 0; j < 10 && err == nil; j++ {
				m.Data = map[string]string{"n": fmt.Sprint(j)}
				m, err = maps.Update(ctx, m, metav1.UpdateOptions{})
			}
			if err == nil && i%2 == 0 {
				err = maps.Delete(ctx, name, metav1.DeleteOptions{})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for range count / 2 {
		<-deleted
	}
	list, err := maps.List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range list.Items {
		got := waitFor(t, informer.Informer(), func(m *corev1.ConfigMap) bool {
			return m.UID == want.UID && m.ResourceVersion == want.ResourceVersion
		})
		if len(got.ManagedFields) > 0 {
			t.Errorf("%s: the informer keeps managedFields", got.Name)
		}
		if diff := cmp.Diff(&want, got, cmpopts.IgnoreFields(metav1.ObjectMeta{}, "ManagedFields"), cmpopts.IgnoreFields(corev1.ConfigMap{}, "TypeMeta")); diff != "" {
			t.Errorf("%s: informer and client differ (-client +informer):\n%s", want.Name, diff)
		}
	}
}

// waitFor waits until the informer holds an object that is wanted, and returns it.
func waitFor[P any](t *testing.T, informer cache.SharedIndexInformer, wanted func(P) bool) P {
	t.Helper()
	found := make(chan P, 1)
	check := func(o any) {
		if p, ok := o.(P); ok && wanted(p) {
			select {
			case found <- p:
			default:
			}
		}
	}
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: check, UpdateFunc: func(_, o any) { check(o) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := informer.RemoveEventHandler(registration); err != nil {
			t.Error(err)
		}
	}()
	select {
	case p := <-found:
		return p
	case <-t.Context().Done():
		t.Fatal("the informer never held the object that was wanted")
		panic("unreachable")
	}
}
