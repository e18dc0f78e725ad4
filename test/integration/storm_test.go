package integration

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/proa-sh/proa/test/cluster"
)

var (
	stormSeed   = flag.Uint64("storm.seed", 1, "the seed of the object storm's odd objects")
	stormRounds = flag.Int("storm.rounds", 1, "odd objects of each kind, before the restart")
	stormLong   = flag.Bool("storm.long", false, "also come to rest before the restart, and change the odd objects again in a further life")
)

// stormNamespaces are where the objects go. Limits go to the last, where few others do: they may keep all pods out.
var stormNamespaces = []string{"storm-a", "storm-b", "storm-narrow"}

// storm stores objects of every kind while everything runs.
type storm struct {
	*testing.T
	journal
	meter
	random *rand.Rand
	dir    string
	before map[string]bool // what there was
	made   []made          // in order
	names  int
	counts map[string]int
	step   func(string) // tells what is done

	// Of the present life.
	api    *cluster.API
	client dynamic.Interface
	kinds  []stormKind
}

// made is an object that was stored.
type made struct {
	kind            stormKind
	namespace, name string
	uid             types.UID
}

// TestStorm stores filled and odd objects of every kind that is served while all controllers, the scheduler and the rules of
// the service proxy run, starts everything again on the same data, and deletes everything. Nothing may panic, end, take
// memory without bound or loop without pause, and nothing may be left.
func TestStorm(t *testing.T) {
	s := &storm{dir: t.TempDir(), counts: map[string]int{}, meter: meter{counts: map[string]int{}}, random: rand.New(rand.NewPCG(*stormSeed, 0))}
	panicked := s.panicked
	onPanic.Store(&panicked)
	defer onPanic.Store(nil)
	peak := watchHeap(t, &s.journal)
	t.Logf("seed %d, %d rounds; again: go test ./test/integration -run TestStorm -storm.seed=%d -storm.rounds=%d -storm.long=%v", *stormSeed, *stormRounds, *stormSeed, *stormRounds, *stormLong)
	start := time.Now()
	s.step = func(what string) { s.Logf("%5.1f s: %s; %v", time.Since(start).Seconds(), what, s.counts) }
	for _, life := range []struct {
		name     string
		run      func(*storm)
		longOnly bool
	}{{"first", (*storm).first, false}, {"restarted", (*storm).restarted, true}, {"ended", (*storm).ended, false}} {
		if life.longOnly && !*stormLong {
			continue
		}
		if !t.Run(life.name, func(t *testing.T) {
			s.T = t
			s.start()
			life.run(s)
		}) {
			break
		}
	}
	for _, p := range s.panics {
		t.Error(p)
	}
	t.Logf("heap at most %d MiB; %v", peak.Load()>>20, s.counts)
}

// start starts everything on the data of the lives before.
func (s *storm) start() {
	s.api = cluster.StartAPIIn(s.T, s.dir)
	client, err := dynamic.NewForConfig(s.api.Config)
	s.ok(err)
	s.client = client
	if s.before == nil {
		s.prepare()
	}
	factory := s.api.Server.Informers()
	own, err := kubernetes.NewForConfig(s.connect("kubelet", s.api.Config))
	s.ok(err)
	startKubelet(s.T, factory, own)
	startProxy(s.T, factory)
	cluster.StartControlPlane(s.T, s.api, s.connect)
}

func (s *storm) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// prepare makes what the storm needs: a node, namespaces whose quotas bound what huge workloads make, a custom resource.
func (s *storm) prepare() {
	steadyNode(s.T, s.api.Client)
	crd := readObjects(s.T, "testdata/storm.yaml")[schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}]
	crd.SetName("storms.weather.example.org")
	set(crd, "weather.example.org", "spec", "group")
	_, err := s.client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}).Create(s.Context(), crd, metav1.CreateOptions{})
	s.ok(err)
	s.await("the custom resource", time.Minute, func() bool {
		_, err := s.api.Client.Discovery().ServerResourcesForGroupVersion("weather.example.org/v1")
		return err == nil && s.api.Client.Discovery().RESTClient().Get().AbsPath("/openapi/v3/apis/weather.example.org/v1").Do(s.Context()).Error() == nil
	})
	s.kinds = stormKinds(s.T, s.api)
	s.before = s.everything()
	for _, n := range stormNamespaces {
		_, err := s.api.Client.CoreV1().Namespaces().Create(s.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n}}, metav1.CreateOptions{})
		s.ok(err)
		hard := corev1.ResourceList{}
		for _, r := range []corev1.ResourceName{"pods", "persistentvolumeclaims", "count/jobs.batch", "count/controllerrevisions.apps"} {
			hard[r] = resource.MustParse("50")
		}
		quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "bound"}, Spec: corev1.ResourceQuotaSpec{Hard: hard}}
		_, err = s.api.Client.CoreV1().ResourceQuotas(n).Create(s.Context(), quota, metav1.CreateOptions{})
		s.ok(err)
		_, err = s.api.Client.CoreV1().ServiceAccounts(n).Create(s.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
		s.ok(err)
	}
}

func (s *storm) await(what string, within time.Duration, there func() bool) {
	s.Helper()
	if wait.PollUntilContextTimeout(s.Context(), 50*time.Millisecond, within, true, func(context.Context) (bool, error) { return there(), nil }) != nil {
		s.Fatalf("waited in vain for %s", what)
	}
}

// first is the life in which the objects come.
func (s *storm) first() {
	for _, k := range s.kinds {
		s.create(k, k.plain, "plain")
		if k.filled != nil {
			s.create(k, s.fill(k), "filled")
		}
	}
	for _, k := range s.kinds {
		if k.stored && !slices.ContainsFunc(s.made, func(m made) bool { return m.kind.String() == k.String() }) {
			s.Errorf("seed %d: no object of %s is stored", *stormSeed, k)
		}
	}
	s.step("plain and filled objects are stored")
	for range *stormRounds {
		for _, k := range s.kinds {
			s.create(k, s.oddOne(k), "odd")
		}
	}
	s.step("odd objects are stored")
	s.touch()
	s.step("changed")
	s.own()
	s.deleteHalf()
	s.step("owned and half deleted")
	if *stormLong { // else it is enough that the next life comes to rest
		s.awaitRest(s.T)
	}
}

// restarted is the life that begins with the odd objects there; they are changed again.
func (s *storm) restarted() {
	s.awaitRest(s.T)
	s.step("at rest after the restart")
	s.touch()
	s.own()
	s.step("changed again")
	s.awaitRest(s.T)
}

// ended is the last life: everything is deleted.
func (s *storm) ended() {
	s.awaitRest(s.T)
	s.step("at rest after the last restart")
	s.deleteAll()
}

func (s *storm) in(k stormKind, namespace string) dynamic.ResourceInterface {
	if k.namespaced {
		return s.client.Resource(k.GroupVersionResource).Namespace(namespace)
	}
	return s.client.Resource(k.GroupVersionResource)
}

// fill is the plain object with upstream's values in all other fields.
func (s *storm) fill(k stormKind) *unstructured.Unstructured {
	u := k.filled.DeepCopy()
	u.Object["metadata"] = map[string]any{"labels": map[string]any{"labelsKey": "labelsValue"}, "annotations": map[string]any{"annotationsKey": "annotationsValue"}}
	return u
}

// oddOne changes the plain object, by its kind's themes and by its schema.
func (s *storm) oddOne(k stormKind) *unstructured.Unstructured {
	u := k.plain.DeepCopy()
	for _, theme := range themes[k.Kind] {
		if s.random.IntN(4) > 0 {
			theme(s.random, u)
		}
	}
	for range s.random.IntN(12) {
		s.change(k, u)
	}
	return u
}

// change changes one field by the schema, in a part of the object that is not its metadata.
func (s *storm) change(k stormKind, u *unstructured.Unstructured, only ...string) {
	properties, _ := k.schema["properties"].(map[string]any)
	parts := slices.Sorted(maps.Keys(properties))
	parts = slices.DeleteFunc(parts, func(p string) bool {
		return p == "metadata" || p == "apiVersion" || p == "kind" || len(only) > 0 && !slices.Contains(only, p)
	})
	if len(parts) == 0 {
		return
	}
	part := pick(s.random, parts)
	property, _ := properties[part].(map[string]any)
	u.Object[part] = odd{s.random, k.schemas}.change(property, u.Object[part], 0)
}

// create offers an object until it is taken.
func (s *storm) create(k stormKind, candidate *unstructured.Unstructured, how string) {
	s.Helper()
	namespace := pick(s.random, stormNamespaces[:2])
	if k.Kind == "LimitRange" || k.Kind == "ResourceQuota" || how != "plain" && s.random.IntN(20) == 0 {
		namespace = stormNamespaces[2]
	}
	candidate, plain := candidate.DeepCopy(), k.plain.DeepCopy()
	s.names++
	for _, u := range []*unstructured.Unstructured{candidate, plain} {
		u.SetNamespace("")
		if k.namespaced {
			u.SetNamespace(namespace)
		}
		rename(u, s.names)
	}
	if how == "odd" {
		oddMeta(s.random, candidate)
	}
	offered := 0
	got, err := settle(candidate, plain, func(u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		offered++
		s.wrote(fmt.Sprintf("seed %d, create, %s", *stormSeed, how), u)
		return s.in(k, namespace).Create(s.Context(), u, metav1.CreateOptions{})
	})
	s.counts["refusals"] += offered - 1
	if err != nil {
		s.refused(k, "create", how, got, err)
		return
	}
	s.counts[how]++
	if k.stored {
		s.made = append(s.made, made{k, namespace, got.GetName(), got.GetUID()})
	}
}

// refused tells of what no client may be answered, whatever it sends.
func (s *storm) refused(k stormKind, verb, how string, u *unstructured.Unstructured, err error) {
	s.Helper()
	s.counts["refused for good"]++
	plain := how == "plain" && k.stored && !apierrors.IsForbidden(err)
	if code := apierrors.ReasonForError(err); code == metav1.StatusReasonInternalError || code == metav1.StatusReasonUnknown || plain {
		s.Errorf("seed %d: %s of %s (%s): %v\n%s", *stormSeed, verb, k, how, err, asYAML(u))
	}
}

// everything lists what is stored, without what comes and goes by itself.
func (s *storm) everything() map[string]bool {
	s.Helper()
	out := map[string]bool{}
	for _, k := range s.kinds {
		if !k.stored || k.Kind == "Event" || k.Kind == "Lease" {
			continue
		}
		list, err := s.client.Resource(k.GroupVersionResource).List(s.Context(), metav1.ListOptions{})
		s.ok(err)
		for _, u := range list.Items {
			out[strings.Join([]string{k.String(), u.GetNamespace(), u.GetName()}, " ")] = true
		}
	}
	return out
}
