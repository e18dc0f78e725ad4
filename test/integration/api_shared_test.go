package integration

import (
	"fmt"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/proa-sh/proa/test/cluster"
)

// TestListsAtOnce lists the same objects many times at once, in the encodings that are served, out of the watch cache, some of them after a
// change and the deletion of a collection: the lists share what they answer with, and nobody may write into it.
func TestListsAtOnce(t *testing.T) {
	api := cluster.StartAPI(t)
	ctx := t.Context()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := api.Client.CoreV1().ServiceAccounts("default").Create(ctx, account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	capacities, pods := api.Client.StorageV1().CSIStorageCapacities("default"), api.Client.CoreV1().Pods("default")
	for i := range 10 {
		name, size := fmt.Sprint("a", i), resource.MustParse(fmt.Sprintf("%d500Mi", i+1))
		capacity := &storagev1.CSIStorageCapacity{ObjectMeta: metav1.ObjectMeta{Name: name}, StorageClassName: "fast", Capacity: &size, MaximumVolumeSize: &size}
		if _, err := capacities.Create(ctx, capacity, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		limit := resource.MustParse("1.5Gi")
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PodSpec{
			Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &limit}}}},
			Containers: []corev1.Container{{Name: "c", Image: "i", Env: []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{
				ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu", Divisor: resource.MustParse("1m")}}}}}},
		}}
		if _, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	list := func() {
		t.Helper()
		var all sync.WaitGroup
		for range 4 {
			for _, media := range []string{"application/vnd.kubernetes.protobuf", "application/json", "application/json;as=Table;v=v1;g=meta.k8s.io"} {
				for _, from := range []struct {
					client rest.Interface
					path   string
				}{{api.Client.StorageV1().RESTClient(), "csistoragecapacities"}, {api.Client.CoreV1().RESTClient(), "pods"}} {
					all.Go(func() {
						for range 5 {
							err := from.client.Get().Namespace("default").Resource(from.path).Param("resourceVersion", "0").SetHeader("Accept", media).Do(ctx).Error()
							if err != nil {
								t.Errorf("list %s as %s: %v", from.path, media, err)
							}
						}
					})
				}
			}
		}
		all.Wait()
	}
	list()
	got, err := capacities.Get(ctx, "a3", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got.Capacity.Add(resource.MustParse("1Gi"))
	changed, err := capacities.Update(ctx, got, metav1.UpdateOptions{})
	if err != nil || changed.Capacity.String() != "5524Mi" {
		t.Fatalf("changed: %v, %v", changed, err)
	}
	var deleting sync.WaitGroup
	deleting.Go(func() {
		if err := capacities.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "metadata.name!=a3"}); err != nil {
			t.Error(err)
		}
	})
	list()
	deleting.Wait()
	left, err := capacities.List(ctx, metav1.ListOptions{})
	if err != nil || len(left.Items) != 1 || left.Items[0].Capacity.String() != "5524Mi" {
		t.Errorf("left: %v, %v", left, err)
	}
}
