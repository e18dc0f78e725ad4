package manifests

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/pods"
)

const web = `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: kube-system, annotations: {mine: stays, kubernetes.io/config.mirror: forged}}
spec: {containers: [{name: c, image: i}]}
`

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func names(list []*v1.Pod) []string {
	var all []string
	for _, pod := range list {
		all = append(all, pod.Namespace+"/"+pod.Name)
	}
	return all
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	if list, errs := Read(filepath.Join(dir, "absent"), "n1"); len(list)+len(errs) > 0 {
		t.Errorf("an absent directory gave %v, %v", list, errs)
	}
	write(t, filepath.Join(dir, "a.yaml"), web)
	write(t, filepath.Join(dir, "b.json"), `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "json"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}`)
	write(t, filepath.Join(dir, "c-same-name.yaml"), web)
	write(t, filepath.Join(dir, "d-other-kind.yaml"), "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n")
	write(t, filepath.Join(dir, "e-no-yaml.yaml"), ":::")
	write(t, filepath.Join(dir, "f-not-valid.yaml"), "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: []}\n")
	write(t, filepath.Join(dir, ".hidden.yaml"), web)
	if err := os.Mkdir(filepath.Join(dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	list, errs := Read(dir, "n1")
	if diff := cmp.Diff([]string{"kube-system/web-n1", "default/json-n1"}, names(list)); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
	wants := []string{"same name", "holds a Service", "e-no-yaml", "spec.containers: Required value"}
	if len(errs) != len(wants) {
		t.Fatalf("errors are %v, want %d", errs, len(wants))
	}
	for i, want := range wants {
		if !strings.Contains(errs[i].Error(), want) {
			t.Errorf("error is %q, want one about %q", errs[i], want)
		}
	}
}

func TestComplete(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	write(t, file, web)
	read := func(node string) *v1.Pod {
		t.Helper()
		list, errs := Read(file, node)
		if len(list) != 1 || len(errs) > 0 {
			t.Fatalf("%d pods, errors %v", len(list), errs)
		}
		return list[0]
	}
	pod, again, elsewhere := read("n1"), read("n1"), read("n2")
	if pod.UID == "" || pod.UID != again.UID || pod.UID == elsewhere.UID {
		t.Errorf("UIDs %q, again %q, on another node %q", pod.UID, again.UID, elsewhere.UID)
	}
	if !pods.IsStatic(pod) || pod.Annotations["mine"] != "stays" || pod.Annotations[pods.HashAnnotation] == "" {
		t.Errorf("annotations are %v", pod.Annotations)
	}
	if pod.Spec.NodeName != "n1" || pod.Spec.RestartPolicy != v1.RestartPolicyAlways || len(pod.Spec.Tolerations) != 1 {
		t.Errorf("spec is %+v", pod.Spec)
	}
	write(t, file, strings.Replace(web, "image: i", "image: j", 1))
	if changed := read("n1"); changed.UID == pod.UID || changed.Annotations[pods.HashAnnotation] == pod.Annotations[pods.HashAnnotation] {
		t.Errorf("a changed file gave the same UID %q or hash", changed.UID)
	}
}

// TestSource: files that come, change and go are told; so is a directory that comes later.
func TestSource(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "manifests")
	told := make(chan []string)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- Source{Path: dir, NodeName: "n1", Period: time.Hour}.Run(ctx, func(list []*v1.Pod) {
			select {
			case told <- names(list):
			case <-ctx.Done():
			}
		})
	}()
	expect := func(what string, want ...string) {
		t.Helper()
		select {
		case got := <-told:
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: nothing was told", what)
		}
	}
	expect("start")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "a.yaml"), web)
	expect("a directory with a file", "kube-system/web-n1")
	write(t, filepath.Join(dir, "b.yaml"), strings.Replace(web, "name: web", "name: two", 1))
	expect("another file", "kube-system/web-n1", "kube-system/two-n1")
	if err := os.Remove(filepath.Join(dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	expect("a file goes", "kube-system/two-n1")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
