package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/test/histories/rest"
)

// container is a process of a pod of the load.
type container struct {
	app, name, uid string
	process        process.Process
}

// containers finds the processes of pods that go on until they are ended, by their environment: whatever the cluster thinks.
func containers() ([]container, error) {
	found, err := processes(func(_ int, line string) bool { return line == "sleep\x0086399\x00" })
	if err != nil {
		return nil, err
	}
	var list []container
	for _, p := range found {
		environment, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.Pid), "environ"))
		if err != nil {
			continue // it has ended
		}
		for entry := range strings.SplitSeq(string(environment), "\x00") {
			value, ok := strings.CutPrefix(entry, podKey+"=")
			if parts := strings.Split(value, "/"); ok && len(parts) == 3 {
				list = append(list, container{parts[0], parts[1], parts[2], p})
			}
		}
	}
	return list, nil
}

// quiet are the processes of pods that nobody changes, by the names of their pods.
func quiet() (map[string]process.Process, error) {
	all, err := containers()
	found := map[string]process.Process{}
	for _, c := range all {
		if c.app == "quiet" {
			found[c.name] = c.process
		}
	}
	return found, err
}

// undisturbed says what became of the quiet containers.
func undisturbed(before map[string]process.Process) error {
	after, err := quiet()
	if err == nil && !maps.Equal(before, after) {
		err = fmt.Errorf("containers that nobody changes were disturbed: before %v, now %v", before, after)
	}
	return err
}

// once says which pod runs twice, and of which name there are two pods.
func once() error {
	all, err := containers()
	if err != nil {
		return err
	}
	seen := map[string]container{}
	var faults []error
	for _, c := range all {
		if other, twice := seen[c.app+"/"+c.name]; twice {
			faults = append(faults, fmt.Errorf("two containers run of pods of one name: %+v and %+v", other, c))
		}
		seen[c.app+"/"+c.name] = c
	}
	return errors.Join(faults...)
}

// afterFault is what must hold whenever the cluster is well.
func (c *cluster) afterFault(ctx context.Context, before map[string]process.Process) error {
	return errors.Join(undisturbed(before), once(), c.givenOnce(ctx), c.podsAsTheyShould(ctx))
}

// givenOnce looks at all Services of the cluster.
func (c *cluster) givenOnce(ctx context.Context) error {
	found, err := c.typed.CoreV1().Services("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	holder := map[string]string{}
	var faults []error
	take := func(s *corev1.Service, what string) {
		name := s.Namespace + "/" + s.Name
		if other, twice := holder[what]; twice {
			faults = append(faults, fmt.Errorf("%s is that of the Services %s and %s", what, other, name))
		}
		holder[what] = name
	}
	for i := range found.Items {
		s := &found.Items[i]
		for _, ip := range s.Spec.ClusterIPs {
			if ip != corev1.ClusterIPNone {
				take(s, ip)
			}
		}
		for _, port := range s.Spec.Ports {
			if port.NodePort != 0 {
				take(s, fmt.Sprintf("node port %d", port.NodePort))
			}
		}
	}
	return errors.Join(faults...)
}

// podFault says whether a pod that nobody has deleted has failed, or a container of it was started again: all programs of the load
// go on until they are ended, or end well.
func podFault(u *unstructured.Unstructured) error {
	var pod corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &pod); err != nil || pod.DeletionTimestamp != nil {
		return err
	}
	if lostExit(&pod) {
		return errLostExit
	}
	if pod.Status.Phase == corev1.PodFailed {
		return fmt.Errorf("pod %s on %s has failed: %s %s %+v", pod.Name, pod.Spec.NodeName, pod.Status.Reason, pod.Status.Message, pod.Status.ContainerStatuses)
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.RestartCount > 0 {
			return fmt.Errorf("a container of pod %s on %s was started again: %+v", pod.Name, pod.Spec.NodeName, status)
		}
	}
	return nil
}

// errLostExit is the one known weakness: see lostExit.
var errLostExit = errors.New("containerd has lost how a container ended")

// lostExit says whether the container runtime does not know how a container ended. containerd that ends between the deletion of a
// task and the note of its exit code says 255, Unknown, when it comes back. Such pods are only counted where faults end containerd
// itself; without such faults they are one, for servers and agents take over a containerd that runs.
func lostExit(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
		t := s.State.Terminated
		return t != nil && t.ExitCode == 255 && t.Reason == "Unknown"
	})
}

// podsAsTheyShould looks at the pods of the load: no two have one address, and there are not more than their sets may have.
func (c *cluster) podsAsTheyShould(ctx context.Context) error {
	found, err := c.typed.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var faults []error
	addresses, active := map[string]string{}, map[string]int{}
	for i := range found.Items {
		pod := &found.Items[i]
		ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		if other, twice := addresses[pod.Status.PodIP]; twice && pod.Status.PodIP != "" && !ended && pod.DeletionTimestamp == nil {
			faults = append(faults, fmt.Errorf("%s is the address of the pods %s and %s", pod.Status.PodIP, other, pod.Name))
		} else if !ended && pod.DeletionTimestamp == nil {
			addresses[pod.Status.PodIP] = pod.Name
		}
		if !ended && pod.DeletionTimestamp == nil {
			active[pod.Labels["app"]]++
		}
	}
	// Three replicas at most and a surge of one, of several templates that are being replaced.
	for app, most := range map[string]int{deployments.Resource: 4, statefulSets.Resource: 3, "quiet": 2} {
		if active[app] > most {
			faults = append(faults, fmt.Errorf("%s have %d pods, more than %d", app, active[app], most))
		}
	}
	return errors.Join(faults...)
}

// jobDone says whether a Job is complete, and what is wrong with it then.
func jobDone(u *unstructured.Unstructured) (bool, error) {
	var job batchv1.Job
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &job); err != nil {
		return true, err
	}
	s := job.Status
	// A pod that failed is told of by the watch of pods.
	if s.Succeeded > 2 || hasCondition(&job, batchv1.JobFailed) {
		return true, fmt.Errorf("of two pods that end well it has counted %+v", s)
	}
	if !hasCondition(&job, batchv1.JobComplete) {
		return false, nil
	}
	if s.Succeeded != 2 || s.Active != 0 || s.UncountedTerminatedPods != nil && len(s.UncountedTerminatedPods.Succeeded) > 0 {
		return true, fmt.Errorf("it is complete with %+v", s)
	}
	return true, nil
}

func hasCondition(job *batchv1.Job, kind batchv1.JobConditionType) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool { return c.Type == kind && c.Status == corev1.ConditionTrue })
}

// atRest says what of the workloads has not come to rest.
func (c *cluster) atRest(ctx context.Context) error {
	var faults []error
	deployments, err := c.typed.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range deployments.Items {
		faults = append(faults, rest.Deployment(&deployments.Items[i]))
	}
	sets, err := c.typed.AppsV1().StatefulSets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range sets.Items {
		faults = append(faults, rest.StatefulSet(&sets.Items[i]))
	}
	daemons, err := c.typed.AppsV1().DaemonSets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range daemons.Items {
		faults = append(faults, rest.DaemonSet(&daemons.Items[i], 2))
	}
	found, err := c.dynamic.Resource(jobs.GroupVersionResource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range found.Items {
		if done, err := jobDone(&found.Items[i]); err != nil || !done {
			faults = append(faults, fmt.Errorf("Job %s is not complete: %w", found.Items[i].GetName(), errors.Join(err, errors.New(fmt.Sprint(found.Items[i].Object["status"])))))
		}
	}
	return errors.Join(errors.Join(faults...), c.podsAtRest(ctx))
}

// podsAtRest compares the pods with the containers that run.
func (c *cluster) podsAtRest(ctx context.Context) error {
	found, err := c.typed.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	wanted := map[string]string{}
	for i := range found.Items {
		pod := &found.Items[i]
		if pod.DeletionTimestamp != nil {
			return fmt.Errorf("pod %s is still being deleted", pod.Name)
		}
		if owner := metav1.GetControllerOf(pod); owner != nil && owner.Kind != jobs.kind {
			wanted[string(pod.UID)] = pod.Name
		}
	}
	all, err := containers()
	running := map[string]string{}
	for _, one := range all {
		running[one.uid] = one.name
	}
	if err == nil && !maps.Equal(wanted, running) {
		err = fmt.Errorf("there should run %v, and there run %v", wanted, running)
	}
	return err
}

// settled returns when all has come to rest.
func (c *cluster) settled(ctx context.Context) error {
	return eventually(ctx, 3*time.Minute, func() error { return errors.Join(c.healthy(ctx), c.atRest(ctx)) })
}
