package record

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(klog.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func change(t *testing.T, s *Store, uid types.UID, do func(*Record)) {
	t.Helper()
	if err := s.Change(uid, do); err != nil {
		t.Fatal(err)
	}
}

// names are the pods that a kubelet finds which starts now.
func names(t *testing.T, dir string) []string {
	t.Helper()
	found := []string{}
	for _, r := range open(t, dir).All() {
		found = append(found, r.Name)
	}
	return found
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "records")
	s := open(t, dir)
	granted := podstate.Memory{Granted: podstate.Allocation{Containers: map[string]v1.ResourceRequirements{
		"c": {Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse("100m")}}}}}
	change(t, s, "u1", func(r *Record) { r.Namespace, r.Name, r.Worker = "ns", "one", granted })
	change(t, s, "u2", func(r *Record) { r.Name = "two" })
	change(t, s, "u1", func(r *Record) {
		r.Volumes = []Volume{{Name: "v", Kind: "kubernetes.io~secret", Stage: Preparing, Mounts: []string{"volumes/kubernetes.io~secret/v"}}}
	})
	want, _ := s.Get("u1")

	s = open(t, dir)
	got, ok := s.Get("u1")
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("after a restart (-before +after):\n%s", diff)
	}
	before, err := os.Stat(filepath.Join(dir, "u1.json"))
	if err != nil {
		t.Fatal(err)
	}
	change(t, s, "u1", func(r *Record) { r.Name = "one" })
	after, err := os.Stat(filepath.Join(dir, "u1.json"))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("a change that changes nothing has written a file: %v", err)
	}
	if err := s.Forget("u1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget("u1"); err != nil {
		t.Errorf("forgetting twice: %v", err)
	}
	if diff := cmp.Diff([]string{"two"}, names(t, dir)); diff != "" {
		t.Errorf("after one was forgotten (-want +got):\n%s", diff)
	}
	for _, uid := range []types.UID{"", ".", "..", "a/b"} {
		if err := s.Change(uid, func(*Record) {}); err == nil {
			t.Errorf("UID %q names a record", uid)
		}
	}
}

// TestCrashes: whatever moment a kubelet is killed at, the next one finds the old record or the new one.
func TestCrashes(t *testing.T) {
	const next = `{"version":1,"uid":"u","name":"new"}`
	for name, tc := range map[string]struct {
		files map[string]string
		want  []string
		left  []string
	}{
		"before the write":        {map[string]string{}, []string{"old"}, []string{"u.json"}},
		"in the write":            {map[string]string{"u.json.tmp": next[:10]}, []string{"old"}, []string{"u.json"}},
		"before the rename":       {map[string]string{"u.json.tmp": next}, []string{"old"}, []string{"u.json"}},
		"after the rename":        {map[string]string{"u.json": next}, []string{"new"}, []string{"u.json"}},
		"of a pod that is new":    {map[string]string{"u.json": "", "n.json.tmp": next}, []string{}, []string{"u.json.bad"}},
		"and the disk is broken":  {map[string]string{"u.json": "{"}, []string{}, []string{"u.json.bad"}},
		"and was a later kubelet": {map[string]string{"u.json": `{"version":2,"uid":"u"}`}, []string{}, []string{"u.json.bad"}},
		"and names no version":    {map[string]string{"u.json": `{"uid":"u"}`}, []string{}, []string{"u.json.bad"}},
		"and files were swapped":  {map[string]string{"u.json": `{"version":1,"uid":"w"}`}, []string{}, []string{"u.json.bad"}},
		"beside a strange file":   {map[string]string{"readme": ""}, []string{"old"}, []string{"readme", "u.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			change(t, open(t, dir), "u", func(r *Record) { r.Name = "old" })
			for file, text := range tc.files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tc.want, names(t, dir)); diff != "" {
				t.Errorf("remembered (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.left, list(t, dir)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			// The pod is written down anew.
			change(t, open(t, dir), "u", func(r *Record) { r.Name = "again" })
			if diff := cmp.Diff([]string{"again"}, names(t, dir)); diff != "" {
				t.Errorf("written anew (-want +got):\n%s", diff)
			}
		})
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// TestFailedWrite: a change that cannot be written is not one, and the one before stands.
func TestFailedWrite(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	change(t, s, "u", func(r *Record) { r.Name = "old" })
	blocked := filepath.Join(dir, "u.json.tmp")
	if err := os.MkdirAll(filepath.Join(blocked, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Change("u", func(r *Record) { r.Name = "new" }); err == nil {
		t.Error("a change that could not be written gives no error")
	}
	if r, _ := s.Get("u"); r.Name != "old" {
		t.Errorf("the record says %q, want what is on disk", r.Name)
	}
	if err := os.RemoveAll(blocked); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", maxSize)
	if err := s.Change("u", func(r *Record) { r.Name = big }); err == nil {
		t.Error("a record without bound was written")
	}
	change(t, s, "u", func(r *Record) { r.Name = "new" })
	if diff := cmp.Diff([]string{"new"}, names(t, dir)); diff != "" {
		t.Errorf("after the fault (-want +got):\n%s", diff)
	}
}

func TestBadFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 * keptBad {
		if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i))+suffix), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir)
	if n := len(list(t, dir)); n != keptBad {
		t.Errorf("%d files are kept, want %d", n, keptBad)
	}
}

func TestEnding(t *testing.T) {
	hook := &v1.LifecycleHandler{HTTPGet: &v1.HTTPGetAction{Path: "/bye"}}
	always := v1.ContainerRestartPolicyAlways
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{UID: "u", Namespace: "ns", Name: "p"},
		Spec: v1.PodSpec{
			NodeName: "n", TerminationGracePeriodSeconds: new(int64(7)),
			InitContainers: []v1.Container{{Name: "init", Image: "i"}, {Name: "side", RestartPolicy: &always}},
			Containers:     []v1.Container{{Name: "c", Ports: []v1.ContainerPort{{ContainerPort: 80}}, Lifecycle: &v1.Lifecycle{PreStop: hook}}},
		},
	}
	dir := t.TempDir()
	change(t, open(t, dir), "u", func(r *Record) { r.Namespace, r.Name, r.Ending = "ns", "p", EndingOf(pod) })
	r, _ := open(t, dir).Get("u")
	want := pod.DeepCopy()
	want.Spec.NodeName, want.Spec.InitContainers[0].Image = "", ""
	if diff := cmp.Diff(want, r.Pod()); diff != "" {
		t.Errorf("pod from its record (-want +got):\n%s", diff)
	}
}
