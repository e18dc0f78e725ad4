package volumes

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/record"
)

// world answers what volumes ask of the API server.
type world struct {
	secrets    map[string]*v1.Secret
	configMaps map[string]*v1.ConfigMap
	token      func(*authenticationv1.TokenRequest) (string, error)
}

func (w *world) Secret(_ context.Context, _, name string) (*v1.Secret, error) {
	if s, ok := w.secrets[name]; ok {
		return s, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, name)
}

func (w *world) ConfigMap(_ context.Context, _, name string) (*v1.ConfigMap, error) {
	if c, ok := w.configMaps[name]; ok {
		return c, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, name)
}

func (w *world) Token(_ context.Context, _, _ string, request *authenticationv1.TokenRequest) (*authenticationv1.TokenRequest, error) {
	token, err := w.token(request)
	if err != nil {
		return nil, err
	}
	answer := request.DeepCopy()
	answer.Status = authenticationv1.TokenRequestStatus{
		Token:               token,
		ExpirationTimestamp: metav1.NewTime(time.Now().Add(time.Duration(*request.Spec.ExpirationSeconds) * time.Second)),
	}
	return answer, nil
}

func (w *world) Node(context.Context) (*v1.Node, error) {
	return &v1.Node{Status: v1.NodeStatus{Allocatable: v1.ResourceList{
		v1.ResourceMemory: resource.MustParse("1Gi"), v1.ResourceCPU: resource.MustParse("2"),
	}}}, nil
}

// managerOn is a manager as a kubelet has it that starts on the directory.
func managerOn(t *testing.T, w *world, root string) *Manager {
	t.Helper()
	records, err := record.Open(klog.Background(), filepath.Join(root, "records"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(Config{RootDir: root, Objects: w, Tokens: w, Node: w, Records: records})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newManager(t *testing.T, w *world) *Manager {
	t.Helper()
	m := managerOn(t, w, t.TempDir())
	t.Cleanup(func() {
		uids, err := m.Known()
		if err != nil {
			t.Error(err)
		}
		for _, uid := range uids {
			if err := m.Teardown(context.Background(), uid); err != nil {
				t.Error(err)
			}
		}
	})
	return m
}

func pointer[T any](v T) *T { return &v }

func podWith(volumes ...v1.Volume) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "uid-1", Labels: map[string]string{"app": "web"}},
		Spec: v1.PodSpec{
			ServiceAccountName: "sa",
			Containers:         []v1.Container{{Name: "c", Resources: v1.ResourceRequirements{Limits: v1.ResourceList{v1.ResourceMemory: resource.MustParse("64Mi")}}}},
			Volumes:            volumes,
		},
	}
}

// everyContent is a pod with one volume of each kind made from API content, and the world it needs.
func everyContent() (*v1.Pod, *world) {
	w := &world{
		secrets: map[string]*v1.Secret{"s": {Data: map[string][]byte{"user": []byte("anna"), "password": []byte("x")}}},
		configMaps: map[string]*v1.ConfigMap{"c": {
			Data: map[string]string{"a": "1", "b": "2"}, BinaryData: map[string][]byte{"bin": {0, 1}},
		}},
		token: func(*authenticationv1.TokenRequest) (string, error) { return "t1", nil },
	}
	pod := podWith(
		v1.Volume{Name: "config", VolumeSource: v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{
			LocalObjectReference: v1.LocalObjectReference{Name: "c"}, DefaultMode: pointer[int32](0o644),
		}}},
		v1.Volume{Name: "secret", VolumeSource: v1.VolumeSource{Secret: &v1.SecretVolumeSource{
			SecretName: "s", DefaultMode: pointer[int32](0o400),
			Items: []v1.KeyToPath{{Key: "user", Path: "deep/er/name", Mode: pointer[int32](0o440)}},
		}}},
		v1.Volume{Name: "down", VolumeSource: v1.VolumeSource{DownwardAPI: &v1.DownwardAPIVolumeSource{
			DefaultMode: pointer[int32](0o644),
			Items: []v1.DownwardAPIVolumeFile{
				{Path: "labels", FieldRef: &v1.ObjectFieldSelector{FieldPath: "metadata.labels"}},
				{Path: "limit", ResourceFieldRef: &v1.ResourceFieldSelector{ContainerName: "c", Resource: "limits.memory", Divisor: resource.MustParse("1Mi")}},
			},
		}}},
		v1.Volume{Name: "all", VolumeSource: v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{
			DefaultMode: pointer[int32](0o644),
			Sources: []v1.VolumeProjection{
				{ServiceAccountToken: &v1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: pointer[int64](3607)}},
				{ConfigMap: &v1.ConfigMapProjection{LocalObjectReference: v1.LocalObjectReference{Name: "c"}, Items: []v1.KeyToPath{{Key: "a", Path: "ca.crt"}}}},
				{DownwardAPI: &v1.DownwardAPIProjection{Items: []v1.DownwardAPIVolumeFile{{Path: "namespace", FieldRef: &v1.ObjectFieldSelector{FieldPath: "metadata.namespace"}}}}},
				{Secret: &v1.SecretProjection{LocalObjectReference: v1.LocalObjectReference{Name: "gone"}, Optional: pointer(true)}},
			},
		}}},
	)
	return pod, w
}

// files reads what a container sees in a volume: content by path, without the writer's own names.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	result := map[string]string{}
	var read func(prefix string)
	read = func(prefix string) {
		entries, err := os.ReadDir(filepath.Join(dir, prefix))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			path := filepath.Join(prefix, entry.Name())
			if strings.HasPrefix(path, "..") {
				continue
			}
			info, err := os.Stat(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			if info.IsDir() {
				read(path)
				continue
			}
			data, err := os.ReadFile(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			result[path] = info.Mode().String() + " " + string(data)
		}
	}
	read("")
	return result
}

func TestSetupAndTeardown(t *testing.T) {
	pod, w := everyContent()
	m := newManager(t, w)
	for range 2 {
		paths, err := m.Setup(t.Context(), pod)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]map[string]string{}
		for name, path := range paths {
			if !path.ReadOnly {
				t.Errorf("volume %s may be written", name)
			}
			got[name] = files(t, path.Path)
		}
		want := map[string]map[string]string{
			"config": {"a": "-rw-r--r-- 1", "b": "-rw-r--r-- 2", "bin": "-rw-r--r-- \x00\x01"},
			"secret": {"deep/er/name": "-r--r----- anna"},
			"down":   {"labels": "-rw-r--r-- app=\"web\"", "limit": "-rw-r--r-- 64"},
			"all":    {"token": "-rw-r--r-- t1", "ca.crt": "-rw-r--r-- 1", "namespace": "-rw-r--r-- ns"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("volumes (-want +got):\n%s", diff)
		}
	}
	dir := m.PodDir(pod.UID)
	for volume, tmpfs := range map[string]bool{
		"kubernetes.io~configmap/config": false, "kubernetes.io~secret/secret": true,
		"kubernetes.io~downward-api/down": true, "kubernetes.io~projected/all": true,
	} {
		var stat unix.Statfs_t
		if err := unix.Statfs(filepath.Join(dir, "volumes", volume), &stat); err != nil {
			t.Fatal(err)
		}
		if mounted, err := m.mounter.IsMountPoint(filepath.Join(dir, "volumes", volume)); err != nil || mounted != tmpfs {
			t.Errorf("%s is a mount: %v, %v; want %v", volume, mounted, err, tmpfs)
		}
		if tmpfs && stat.Type != unix.TMPFS_MAGIC {
			t.Errorf("%s is not in memory", volume)
		}
	}
	known, err := m.Known()
	if diff := cmp.Diff([]types.UID{"uid-1"}, known); err != nil || diff != "" {
		t.Errorf("Known: %v (-want +got):\n%s", err, diff)
	}
	for range 2 {
		if err := m.Teardown(t.Context(), pod.UID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dir, err)
	}
	if _, ok := m.NextRefresh(pod.UID); ok {
		t.Error("tokens of a pod that is gone are kept")
	}
}

func TestRefresh(t *testing.T) {
	pod, w := everyContent()
	m := newManager(t, w)
	if err := m.Refresh(t.Context(), pod); err != nil {
		t.Fatalf("Refresh before Setup: %v", err)
	}
	paths, err := m.Setup(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	w.configMaps["c"] = &v1.ConfigMap{Data: map[string]string{"a": "changed", "new": "3"}}
	w.secrets["gone"] = &v1.Secret{Data: map[string][]byte{"came": []byte("late")}}
	pod = pod.DeepCopy()
	pod.Labels["app"] = "db"
	if err := m.Refresh(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]string{
		"config": {"a": "-rw-r--r-- changed", "new": "-rw-r--r-- 3"},
		"down":   {"labels": "-rw-r--r-- app=\"db\"", "limit": "-rw-r--r-- 64"},
		"all":    {"token": "-rw-r--r-- t1", "ca.crt": "-rw-r--r-- changed", "namespace": "-rw-r--r-- ns", "came": "-rw-r--r-- late"},
	}
	for name, content := range want {
		if diff := cmp.Diff(content, files(t, paths[name].Path)); diff != "" {
			t.Errorf("volume %s (-want +got):\n%s", name, diff)
		}
	}
	delete(w.configMaps, "c")
	if err := m.Refresh(t.Context(), pod); err == nil {
		t.Error("Refresh without its ConfigMap succeeded")
	}
	if diff := cmp.Diff(want["config"], files(t, paths["config"].Path)); diff != "" {
		t.Errorf("content was lost with the object (-want +got):\n%s", diff)
	}
}

func TestSetupErrors(t *testing.T) {
	w := &world{configMaps: map[string]*v1.ConfigMap{"c": {Data: map[string]string{"a": "1"}}}}
	reference := func(name string) v1.LocalObjectReference { return v1.LocalObjectReference{Name: name} }
	for _, tc := range []struct {
		source v1.VolumeSource
		want   string
	}{
		{v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: reference("y")}},
			`MountVolume.SetUp failed for volume "x" : configmap "y" not found`},
		{v1.VolumeSource{Secret: &v1.SecretVolumeSource{SecretName: "y"}},
			`MountVolume.SetUp failed for volume "x" : secret "y" not found`},
		{v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: reference("c"), Items: []v1.KeyToPath{{Key: "k", Path: "k"}}}},
			`MountVolume.SetUp failed for volume "x" : references non-existent config key: k`},
		{v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: reference("c"), Items: []v1.KeyToPath{{Key: "a", Path: "../k"}}}},
			`MountVolume.SetUp failed for volume "x" : write content: path "../k" must be relative, without '..' and must not start with '..'`},
		{v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "y"}},
			`MountVolume.SetUp failed for volume "x" : pod ns/p: volume "x": source persistentVolumeClaim is not supported by this kubelet`},
		{v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{Path: "/absent", Type: pointer(v1.HostPathDirectory)}},
			`MountVolume.SetUp failed for volume "x" : hostPath type check failed: /absent is not a directory`},
	} {
		m := newManager(t, w)
		_, err := m.Setup(t.Context(), podWith(v1.Volume{Name: "x", VolumeSource: tc.source}))
		if err == nil || err.Error() != tc.want {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
	}
	optional := &v1.ConfigMapVolumeSource{LocalObjectReference: reference("c"), Optional: pointer(true), Items: []v1.KeyToPath{{Key: "k", Path: "k"}}}
	if _, err := newManager(t, w).Setup(t.Context(), podWith(v1.Volume{Name: "x", VolumeSource: v1.VolumeSource{ConfigMap: optional}})); err != nil {
		t.Errorf("a missing optional key: %v", err)
	}
	bad := podWith()
	bad.UID = "../up"
	if _, err := newManager(t, w).Setup(t.Context(), bad); err == nil {
		t.Error("a UID that leaves the directory was accepted")
	}
}

func TestFSGroup(t *testing.T) {
	pod, w := everyContent()
	pod.Spec.SecurityContext = &v1.PodSecurityContext{FSGroup: pointer[int64](1234), RunAsUser: pointer[int64](1001)}
	pod.Spec.Volumes = append(pod.Spec.Volumes, v1.Volume{Name: "scratch", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}})
	m := newManager(t, w)
	paths, err := m.Setup(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		mode     string
		uid, gid uint32
	}{
		paths["secret"].Path + "/..data/deep":         {"dgrwxr-xr-x", 0, 1234},
		paths["secret"].Path + "/..data/deep/er/name": {"-r--r-----", 0, 1234},
		paths["all"].Path + "/..data/token":           {"-rw-r-----", 1001, 1234},
		paths["all"].Path:                             {"dgrwxrwxrwx", 0, 1234},
		paths["config"].Path:                          {"dgrwxrwxrwx", 0, 1234},
		paths["scratch"].Path:                         {"dgrwxrwxrwx", 0, 1234},
	} {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		var stat unix.Stat_t
		if err := unix.Lstat(path, &stat); err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().String(); got != want.mode || stat.Uid != want.uid || stat.Gid != want.gid {
			t.Errorf("%s: %s %d:%d, want %s %d:%d", path, got, stat.Uid, stat.Gid, want.mode, want.uid, want.gid)
		}
	}
}
