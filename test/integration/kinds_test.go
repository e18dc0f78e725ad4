package integration

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/retry"

	"github.com/proa-sh/proa/pkg/api"
	"github.com/proa-sh/proa/staging/apidef"
	"github.com/proa-sh/proa/test/cluster"
)

// kindTest does to an object of one kind what clients do.
type kindTest struct {
	*testing.T
	client  dynamic.ResourceInterface
	names   apidef.Names
	name    string
	changes watch.Interface
}

// TestKinds takes one object of every kind that pkg/api declares, in every version, through create, read, update, every
// kind of patch, status, list, watch and delete. The objects are in testdata/kinds.yaml.
func TestKinds(t *testing.T) {
	server := cluster.StartAPI(t)
	client, err := dynamic.NewForConfig(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kinds"}}
	if _, err := server.Client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := server.Client.CoreV1().ServiceAccounts("kinds").Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	objects := readKinds(t)
	for _, g := range api.Groups(api.Options{}) {
		for _, d := range g.Resources {
			names := d.Names()
			obj, ok := objects[names.Kind]
			if !ok {
				t.Errorf("testdata/kinds.yaml has no %s", names.Kind)
				continue
			}
			t.Run(names.Resource().String(), func(t *testing.T) {
				resource := resourceOf(client, names.Kind.GroupVersion().WithResource(names.Plural), names)
				k := &kindTest{T: t, client: resource, names: names, name: obj.GetName()}
				k.run(obj)
				for _, spoke := range names.Spokes {
					k.spoke(resourceOf(client, spoke.Kind.GroupVersion().WithResource(names.Plural), names))
				}
				k.delete()
			})
		}
	}
}

func resourceOf(client dynamic.Interface, r schema.GroupVersionResource, names apidef.Names) dynamic.ResourceInterface {
	if names.ClusterScoped {
		return client.Resource(r)
	}
	return client.Resource(r).Namespace("kinds")
}

func (k *kindTest) run(obj *unstructured.Unstructured) {
	var err error
	if k.changes, err = k.client.Watch(k.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + k.name}); err != nil {
		k.Fatalf("watch: %v", err)
	}
	k.Cleanup(k.changes.Stop)
	created, err := k.client.Create(k.Context(), obj, metav1.CreateOptions{})
	if err != nil {
		k.Fatalf("create: %v", err)
	}
	k.await(watch.Added, created)
	if created.GetKind() != k.names.Kind.Kind || created.GetUID() == "" {
		k.Errorf("created %s with UID %q", created.GroupVersionKind(), created.GetUID())
	}
	updated := k.label(created)
	k.await(watch.Modified, updated)
	if labels := k.names.Plural == "endpointslices"; updated.GetGeneration() != created.GetGeneration() && !labels {
		k.Errorf("a label changed the generation from %d to %d", created.GetGeneration(), updated.GetGeneration())
	}
	last := k.patches()
	if _, err := k.client.Get(k.Context(), k.name, metav1.GetOptions{}, "status"); err == nil {
		last = k.patch("status", types.MergePatchType, `{"status":{}}`)
	} else if !apierrors.IsNotFound(err) {
		k.Errorf("get status: %v", err)
	}
	list, err := k.client.List(k.Context(), metav1.ListOptions{LabelSelector: "updated=yes", ResourceVersion: last.GetResourceVersion()})
	if err != nil || len(list.Items) != 1 || list.Items[0].GetAnnotations()["apply"] != "yes" {
		k.Errorf("list from the watch cache: %d objects, %v", len(list.Items), err)
	}
}

// label updates the whole object. It may have to try again: the server's own controllers write some kinds.
func (k *kindTest) label(obj *unstructured.Unstructured) *unstructured.Unstructured {
	k.Helper()
	var updated *unstructured.Unstructured
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		fresh, err := k.client.Get(k.Context(), k.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		fresh.SetLabels(map[string]string{"updated": "yes"})
		updated, err = k.client.Update(k.Context(), fresh, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		k.Fatalf("update of %s: %v", obj.GetName(), err)
	}
	return updated
}

// patches sends one patch of every type, each of which leaves an annotation of its own, and returns the last answer.
func (k *kindTest) patches() *unstructured.Unstructured {
	k.patch("", types.JSONPatchType, `[{"op":"add","path":"/metadata/annotations","value":{"json":"yes"}}]`)
	k.patch("", types.MergePatchType, `{"metadata":{"annotations":{"merge":"yes"}}}`)
	k.patch("", types.StrategicMergePatchType, `{"metadata":{"annotations":{"strategic":"yes"}}}`)
	version, kind := k.names.Kind.ToAPIVersionAndKind()
	got := k.patch("", types.ApplyPatchType, fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q,"annotations":{"apply":"yes"}}}`, version, kind, k.name))
	for _, a := range []string{"json", "merge", "strategic", "apply"} {
		if got.GetAnnotations()[a] != "yes" {
			k.Errorf("the annotation of patch %s is lost: %v", a, got.GetAnnotations())
		}
	}
	return got
}

func (k *kindTest) patch(subresource string, t types.PatchType, data string) *unstructured.Unstructured {
	k.Helper()
	options := metav1.PatchOptions{FieldManager: "test"}
	var path []string
	if subresource != "" {
		path = []string{subresource}
	}
	got, err := k.client.Patch(k.Context(), k.name, t, []byte(data), options, path...)
	if err != nil {
		k.Fatalf("%s of %q: %v", t, subresource, err)
	}
	return got
}

// spoke reads and writes the object in another version.
func (k *kindTest) spoke(client dynamic.ResourceInterface) {
	got, err := client.Get(k.Context(), k.name, metav1.GetOptions{})
	if err != nil {
		k.Fatalf("get in another version: %v", err)
	}
	before, err := k.client.Get(k.Context(), k.name, metav1.GetOptions{})
	if err != nil {
		k.Fatal(err)
	}
	for _, t := range []types.PatchType{types.MergePatchType, types.StrategicMergePatchType} {
		if _, err := client.Patch(k.Context(), k.name, t, fmt.Appendf(nil, `{"metadata":{"labels":{%q:"yes"}}}`, string(t)[12:17]), metav1.PatchOptions{}); err != nil {
			k.Errorf("%s in %s: %v", t, got.GetAPIVersion(), err)
		}
	}
	after, err := k.client.Get(k.Context(), k.name, metav1.GetOptions{})
	if err != nil {
		k.Fatal(err)
	}
	if before.GetGeneration() != after.GetGeneration() {
		k.Errorf("a label in %s changed the generation from %d to %d", got.GetAPIVersion(), before.GetGeneration(), after.GetGeneration())
	}
}

// delete ends with the object gone, or going when it has finalizers.
func (k *kindTest) delete() {
	if err := k.client.Delete(k.Context(), k.name, metav1.DeleteOptions{}); err != nil {
		k.Fatalf("delete: %v", err)
	}
	for e := range k.changes.ResultChan() {
		if u, ok := e.Object.(*unstructured.Unstructured); e.Type == watch.Deleted || ok && u.GetDeletionTimestamp() != nil {
			return
		}
	}
	k.Error("the watch ended before the object was deleted")
}

// await reads changes up to the wanted one, which must have the content that the writer was told.
func (k *kindTest) await(t watch.EventType, want *unstructured.Unstructured) {
	k.Helper()
	for e := range k.changes.ResultChan() {
		u, ok := e.Object.(*unstructured.Unstructured)
		if !ok {
			k.Fatalf("watch: %v", e.Object)
		}
		if u.GetResourceVersion() != want.GetResourceVersion() {
			continue
		}
		if e.Type != t {
			k.Errorf("watch: %s, want %s", e.Type, t)
		}
		got, wanted := jsonOf(k.T, u), jsonOf(k.T, want)
		if !bytes.Equal(got, wanted) {
			k.Errorf("watch and answer differ:\n%s\n%s", got, wanted)
		}
		return
	}
	k.Fatalf("the watch ended before %s", t)
}

func jsonOf(t *testing.T, u *unstructured.Unstructured) []byte {
	t.Helper()
	data, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readKinds(t *testing.T) map[schema.GroupVersionKind]*unstructured.Unstructured {
	t.Helper()
	data, err := os.ReadFile("testdata/kinds.yaml")
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.ReplaceAll(data, []byte("REQUEST"), []byte(base64.StdEncoding.EncodeToString(certificateRequest(t))))
	out := map[schema.GroupVersionKind]*unstructured.Unstructured{}
	for doc := range bytes.SplitSeq(data, []byte("\n---\n")) {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(doc, &u.Object); err != nil {
			t.Fatalf("decode object: %v\n%s", err, doc)
		}
		out[u.GroupVersionKind()] = u
	}
	return out
}

func certificateRequest(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "me"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}
