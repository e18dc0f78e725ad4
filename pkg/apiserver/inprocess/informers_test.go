package inprocess

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	endpointsrequest "k8s.io/apiserver/pkg/endpoints/request"
)

// store is a resource with one list and one watch.
type store struct {
	list    *corev1.ConfigMapList
	changes *watch.FakeWatcher
	lists   int
}

func (s *store) NewList() runtime.Object { return &corev1.ConfigMapList{} }

func (s *store) ConvertToTable(context.Context, runtime.Object, runtime.Object) (*metav1.Table, error) {
	return nil, errors.New("nobody wants a table here")
}

func (s *store) List(ctx context.Context, o *internalversion.ListOptions) (runtime.Object, error) {
	s.lists++
	if ns, ok := endpointsrequest.NamespaceFrom(ctx); !ok || ns != "" || o.Limit != 0 {
		return nil, apierrors.NewBadRequest("it has to be a list of all namespaces, and whole")
	}
	return s.list.DeepCopy(), nil
}

func (s *store) Watch(_ context.Context, o *internalversion.ListOptions) (watch.Interface, error) {
	if o.ResourceVersion == "" || o.TimeoutSeconds != nil {
		return nil, apierrors.NewBadRequest("it has to be a watch from the list on, without end")
	}
	return s.changes, nil
}

func configMap(name, version string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, ResourceVersion: version, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}}}}
}

// wrapped is an object in the wrapping of a watch cache with several watchers.
type wrapped struct{ *corev1.ConfigMap }

func (w wrapped) CacheEncode(runtime.Identifier, func(runtime.Object, io.Writer) error, io.Writer) error {
	return errors.New("nothing is encoded in the process")
}
func (w wrapped) GetObject() runtime.Object { return w.ConfigMap.DeepCopy() }

func newFactory() *Informers {
	return NewInformers(func(o runtime.Object) (schema.GroupResource, error) {
		switch o.(type) {
		case *corev1.ConfigMap:
			return corev1.Resource("configmaps"), nil
		case *corev1.Secret:
			return corev1.Resource("secrets"), nil
		}
		return schema.GroupResource{}, errors.New("unknown")
	}, func(r schema.GroupVersionResource) (runtime.Object, error) {
		if r != corev1.SchemeGroupVersion.WithResource("configmaps") {
			return nil, errors.New("unknown")
		}
		return &corev1.ConfigMap{}, nil
	})
}

// TestInformers runs in a bubble, which fails if a goroutine is left in the end.
func TestInformers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory()
		lister := f.Core().V1().ConfigMaps().Lister()
		informer := f.Core().V1().ConfigMaps().Informer()
		if again, err := f.ForResource(corev1.SchemeGroupVersion.WithResource("configmaps")); err != nil || again.Informer() != informer {
			t.Errorf("the informer by resource is another one, %v", err)
		}
		if _, err := f.ForResource(corev1.SchemeGroupVersion.WithResource("moons")); err == nil {
			t.Error("there is an informer of a resource that there is not")
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		f.StartWithContext(ctx)
		synctest.Wait()
		if informer.HasSynced() {
			t.Error("the informer has synced before there was a store")
		}
		source := &store{list: &corev1.ConfigMapList{ListMeta: metav1.ListMeta{ResourceVersion: "5"}, Items: []corev1.ConfigMap{*configMap("a", "5")}}, changes: watch.NewFake()}
		f.Bind(map[schema.GroupResource]Store{corev1.Resource("configmaps"): source})
		if err := f.WaitForCacheSyncWithContext(ctx).Err; err != nil {
			t.Fatal(err)
		}
		versions := func(want string) {
			t.Helper()
			synctest.Wait()
			all, err := lister.ConfigMaps("ns").List(labels.Everything())
			got := ""
			for _, m := range all {
				got += m.ResourceVersion + " "
				if len(m.ManagedFields) > 0 {
					t.Errorf("%s has managedFields", m.Name)
				}
			}
			if got != want || err != nil {
				t.Errorf("got versions %q, %v; want %q", got, err, want)
			}
		}
		versions("5 ")
		source.changes.Modify(configMap("a", "6"))
		versions("6 ")
		source.changes.Action(watch.Modified, wrapped{configMap("a", "7")})
		versions("7 ")
		source.changes.Delete(configMap("a", "8"))
		versions("")
		if source.lists != 1 {
			t.Errorf("there were %d lists, want 1", source.lists)
		}
		stop()
		f.Shutdown()
		// Nothing starts any more.
		f.Core().V1().Secrets().Informer()
		f.StartWithContext(t.Context())
		if f.Core().V1().Secrets().Informer().HasSynced() {
			t.Error("an informer started after the end")
		}
	})
}

// TestStoppedBeforeBind ends informers whose server never was built.
func TestStoppedBeforeBind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory()
		f.Core().V1().ConfigMaps().Informer()
		ctx, stop := context.WithCancel(t.Context())
		f.StartWithContext(ctx)
		synctest.Wait()
		stop()
		if err := f.WaitForCacheSyncWithContext(ctx).Err; err == nil {
			t.Error("an informer without a store has synced")
		}
		f.Shutdown()
	})
}
