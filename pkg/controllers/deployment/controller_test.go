package deployment

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func setsOf(t *testing.T, s *controltest.Server) []*apps.ReplicaSet {
	return controltest.List[apps.ReplicaSet](t, s, "apps", "replicasets", "default")
}

func deploymentOf(t *testing.T, s *controltest.Server) *apps.Deployment {
	return controltest.List[apps.Deployment](t, s, "apps", "deployments", "default")[0]
}

// follow does what the controller of ReplicaSets and the kubelets would do: all pods run at once.
func follow(t *testing.T, s *controltest.Server) {
	for _, set := range setsOf(t, s) {
		if set.Status.Replicas == size(set) && set.Status.ObservedGeneration == set.Generation {
			continue
		}
		controltest.Change(t, s, set, func(set *apps.ReplicaSet) {
			n, none := size(set), int32(0)
			set.Status = apps.ReplicaSetStatus{
				Replicas: n, FullyLabeledReplicas: n, ReadyReplicas: n, AvailableReplicas: n, TerminatingReplicas: &none, ObservedGeneration: set.Generation,
			}
		})
	}
}

func TestRollout(t *testing.T) {
	s := controltest.NewServer(t, newDeployment(3))
	events := controltest.Run(t, s, New)
	done := func() bool {
		follow(t, s)
		d := deploymentOf(t, s)
		c := findCondition(d.Status.Conditions, apps.DeploymentProgressing)
		return c != nil && c.Reason == "NewReplicaSetAvailable" && complete(d, d.Status)
	}
	s.Wait(t, "the first rollout is complete", done)
	if event, want := <-events.Events, "Normal ScalingReplicaSet Scaled up replica set "+setsOf(t, s)[0].Name+" from 0 to 3"; event != want {
		t.Errorf("event %q, want %q", event, want)
	}
	controltest.Change(t, s, newDeployment(3), func(d *apps.Deployment) { d.Spec.Template = template("v2") })
	s.Wait(t, "the second rollout is complete", func() bool {
		total := sum(setsOf(t, s), size)
		if total > 4 || total < 3 {
			t.Errorf("%d replicas wanted, want 3 or 4", total)
		}
		return deploymentOf(t, s).Annotations[revisionAnnotation] == "2" && done()
	})
	got := map[string]int32{}
	for _, set := range setsOf(t, s) {
		got[set.Spec.Template.Spec.Containers[0].Image+" "+set.Annotations[revisionAnnotation]] = size(set)
		if hash := set.Labels[apps.DefaultDeploymentUniqueLabelKey]; hash == "" || set.Name != "web-"+hash || set.Spec.Selector.MatchLabels[apps.DefaultDeploymentUniqueLabelKey] != hash {
			t.Errorf("set %s has hash %q", set.Name, hash)
		}
	}
	if diff := cmp.Diff(map[string]int32{"v1 1": 0, "v2 2": 3}, got); diff != "" {
		t.Errorf("sets (-want +got):\n%s", diff)
	}
}

// While the cache of sets is stale, nothing is tried twice.
func TestStaleSets(t *testing.T) {
	s := controltest.NewServer(t)
	controltest.Run(t, s, New)
	s.Hold("apps", "replicasets")
	s.Put(newDeployment(1))
	s.Wait(t, "the set is there", func() bool { return len(setsOf(t, s)) == 1 })
	for range 3 { // these wake the Deployment while it cannot see its set
		controltest.Change(t, s, newDeployment(1), func(d *apps.Deployment) { d.Annotations["note"] += "y" })
	}
	s.Release("apps", "replicasets")
	s.Wait(t, "the set has the last annotation", func() bool { return setsOf(t, s)[0].Annotations["note"] == "xyyy" })
	if n := s.Count("create replicasets"); n != 1 {
		t.Errorf("tried to create %d sets, want 1", n)
	}
}

// The name of the new set may be taken by a set of somebody else.
func TestCollision(t *testing.T) {
	d := newDeployment(1)
	hash, err := templateHash(&d.Spec.Template, nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger := &apps.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-" + hash}}
	s := controltest.NewServer(t, stranger, d)
	controltest.Run(t, s, New)
	s.Wait(t, "another name is found", func() bool { return len(setsOf(t, s)) == 2 })
	if count := deploymentOf(t, s).Status.CollisionCount; count == nil || *count != 1 {
		t.Errorf("collision count %v, want 1", count)
	}
}

func TestRecreateWaitsForPods(t *testing.T) {
	s := controltest.NewServer(t, newDeployment(1, recreate))
	controltest.Run(t, s, New)
	s.Wait(t, "the first set is there", func() bool { follow(t, s); return len(setsOf(t, s)) == 1 })
	first := setsOf(t, s)[0]
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p", OwnerReferences: []metav1.OwnerReference{
		*metav1.NewControllerRef(first, apps.SchemeGroupVersion.WithKind("ReplicaSet")),
	}}}
	s.Put(pod)
	controltest.Change(t, s, newDeployment(1), func(d *apps.Deployment) { d.Spec.Template = template("v2") })
	newest := func() *apps.ReplicaSet {
		for _, set := range setsOf(t, s) {
			if set.Name != first.Name {
				return set
			}
		}
		return nil
	}
	s.Wait(t, "the old set is empty and the generation observed", func() bool {
		follow(t, s)
		return newest() != nil && sum(setsOf(t, s), size) == 0 && deploymentOf(t, s).Status.ObservedGeneration == 2
	})
	controltest.Change(t, s, pod, func(pod *v1.Pod) { pod.Status.Phase = v1.PodSucceeded })
	s.Wait(t, "the new set is full", func() bool { return size(newest()) == 1 })
}
