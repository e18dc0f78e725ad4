package job

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// indexVariable is the environment variable that tells containers the index of their pod.
const indexVariable = "JOB_COMPLETION_INDEX"

// podFor makes a pod of a Job.
func (r *reconciler) podFor(job *batch.Job, wanted newPod) *v1.Pod {
	pod := control.PodFromTemplate(&job.Spec.Template, job, r.Kind)
	pod.Finalizers = append(slices.DeleteFunc(pod.Finalizers, func(f string) bool { return f == batch.JobTrackingFinalizer }), batch.JobTrackingFinalizer)
	if wanted.index == noIndex {
		return pod
	}
	index := strconv.Itoa(wanted.index)
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, batch.JobCompletionIndexAnnotation, index)
	metav1.SetMetaDataLabel(&pod.ObjectMeta, batch.JobCompletionIndexAnnotation, index)
	if job.Spec.BackoffLimitPerIndex != nil {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, batch.JobIndexFailureCountAnnotation, strconv.Itoa(wanted.failures))
		if wanted.ignored > 0 {
			metav1.SetMetaDataAnnotation(&pod.ObjectMeta, batch.JobIndexIgnoredFailureCountAnnotation, strconv.Itoa(wanted.ignored))
		}
	}
	pod.Spec.Hostname = job.Name + "-" + index
	pod.GenerateName = generateName(job.Name, index)
	addIndexVariable(pod.Spec.InitContainers)
	addIndexVariable(pod.Spec.Containers)
	return pod
}

// generateName leaves room for the part that the server generates: a name has at most 63 characters of which 5 are its.
func generateName(job, index string) string {
	const longest = 63 - 5
	suffix := "-" + index + "-"
	if len(job)+len(suffix) > longest {
		job = job[:longest-len(suffix)]
	}
	return job + suffix
}

func addIndexVariable(containers []v1.Container) {
	for i := range containers {
		env := &containers[i].Env
		if slices.ContainsFunc(*env, func(v v1.EnvVar) bool { return v.Name == indexVariable }) {
			continue
		}
		*env = append(slices.Clone(*env), v1.EnvVar{Name: indexVariable, ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{
			FieldPath: fmt.Sprintf("metadata.labels['%s']", batch.JobCompletionIndexAnnotation),
		}}})
	}
}

// deletePods deletes pods and returns how many it has. Unless they are to stay tracked, they lose their finalizer first:
// pods that the Job deletes because it has no use for them are not failures. If it is stopped in between, the next
// reconciliation finds a living pod that is not tracked, and goes on.
func (r *reconciler) deletePods(ctx context.Context, job *batch.Job, all []*v1.Pod, keep bool) (int, error) {
	var deleted atomic.Int64
	err := control.All(ctx, len(all), func(ctx context.Context, i int) error {
		if !keep {
			if err := r.untrackPod(ctx, all[i]); err != nil {
				return err
			}
		}
		err := r.DeletePod(ctx, job, all[i])
		if err == nil {
			deleted.Add(1)
		}
		return err
	})
	return int(deleted.Load()), err
}

// untrack takes the tracking finalizer from pods.
func (r *reconciler) untrack(ctx context.Context, all []*v1.Pod) error {
	return control.All(ctx, len(all), func(ctx context.Context, i int) error { return r.untrackPod(ctx, all[i]) })
}

func (r *reconciler) untrackPod(ctx context.Context, pod *v1.Pod) error {
	if !tracked(pod) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": pod.UID, "$deleteFromPrimitiveList/finalizers": []string{batch.JobTrackingFinalizer},
	}})
	if err != nil {
		return fmt.Errorf("encode finalizer patch: %w", err)
	}
	_, err = control.Patch(ctx, r.Client.CoreV1().Pods(pod.Namespace), pod, types.StrategicMergePatchType, patch)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
