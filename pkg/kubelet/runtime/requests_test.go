package runtime

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"sigs.k8s.io/yaml"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

var update = flag.Bool("update", false, "rewrite goldens")

// TestRequests compares what the runtime is asked for with the recorded requests.
func TestRequests(t *testing.T) {
	files, err := filepath.Glob("testdata/*.pod.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no pods: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".pod.yaml")
		t.Run(name, func(t *testing.T) {
			pod := &v1.Pod{}
			text, err := os.ReadFile(file)
			if err == nil {
				err = yaml.UnmarshalStrict(text, pod)
			}
			if err != nil {
				t.Fatal(err)
			}
			got := render(t, sandboxOf(t, pod)) + "---\n" + render(t, containerOf(t, pod))
			golden := filepath.Join("testdata", name+".requests.yaml")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("requests (-want +got); run with -update after a change and review the difference:\n%s", diff)
			}
		})
	}
}

func testPaths() Paths { return Paths{Root: "/var/lib/kubelet", PodLogs: "/var/log/pods"} }

func sandboxOf(t *testing.T, pod *v1.Pod) *runtimeapi.PodSandboxConfig {
	t.Helper()
	conf, problem, err := SandboxConfig(SandboxInput{
		Pod: pod, Attempt: 1, CgroupParent: "/kubepods/pod1", Paths: testPaths(),
		DNS:     DNS{Servers: []string{"10.96.0.10"}, Domain: "cluster.local"},
		HostDNS: &runtimeapi.DNSConfig{Servers: []string{"192.0.2.53"}, Searches: []string{"lan"}},
	})
	if err != nil || problem != "" {
		t.Fatalf("sandbox: %v, %q", err, problem)
	}
	return conf
}

func containerOf(t *testing.T, pod *v1.Pod) *runtimeapi.ContainerConfig {
	t.Helper()
	c := &pod.Spec.Containers[0]
	conf, _, err := ContainerConfig(ContainerInput{
		Pod: pod, Container: c, Attempt: 3, Image: "sha256:abc",
		Env: []v1.EnvVar{{Name: "NAME", Value: "web-0"}, {Name: "LEVEL", Value: "5"}},
		Volumes: map[string]podstate.VolumePath{
			"data": {Path: "/v/data"}, "picture": {Image: "example.org/picture:1", ReadOnly: true}, "disk": {Path: "/dev/loop3", Block: true},
		},
		Resources:         &runtimeapi.LinuxContainerResources{CpuShares: 102, OomScoreAdj: 999},
		Security:          ContainerSecurity(SecurityInput{Pod: pod, Container: c, SeccompRoot: "/var/lib/kubelet/seccomp"}),
		RecursiveReadOnly: true,
		HostsFile:         "/var/lib/kubelet/pods/uid-1/etc-hosts",
		MessageFile:       "/var/lib/kubelet/pods/uid-1/containers/c/00000003",
	})
	if err != nil {
		t.Fatal(err)
	}
	return conf
}

// render writes a message as YAML. protojson varies its white space on purpose, so it goes through a map.
func render(t *testing.T, m proto.Message) string {
	t.Helper()
	data, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSubPathRefused(t *testing.T) {
	lookup := func(name string) (string, bool) { return "..", name == "UP" }
	for _, tc := range []struct {
		name, sub, expr, want string
	}{
		{"absolute", "/etc", "", "must not be an absolute path"},
		{"up", "a/../../b", "", "must not contain '..'"},
		{"up by a variable", "", "$(UP)", "must not contain '..'"},
		{"unknown variable", "", "$(NOPE)", `missing value for "NOPE"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := resolveSubPath(&v1.VolumeMount{SubPath: tc.sub, SubPathExpr: tc.expr}, lookup)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %q, %v; want an error with %q", got, err, tc.want)
			}
		})
	}
}

func TestHash(t *testing.T) {
	a := &v1.Container{Name: "c", Image: "i"}
	b := a.DeepCopy()
	b.Env = []v1.EnvVar{{Name: "x"}}
	if Hash(a) != Hash(b) {
		t.Error("the environment must not count: it cannot change")
	}
	b.Image = "j"
	if Hash(a) == Hash(b) {
		t.Error("the image must count")
	}
}

func TestCheckNonRoot(t *testing.T) {
	id := func(n int64) *int64 { return &n }
	for _, tc := range []struct {
		name  string
		user  *int64
		image podstate.Image
		want  string
	}{
		{"spec names a user", id(5), podstate.Image{}, ""},
		{"spec names root", id(0), podstate.Image{}, "breaks non-root policy"},
		{"image names a number", nil, podstate.Image{UID: id(7)}, ""},
		{"image names root", nil, podstate.Image{UID: id(0)}, "image will run as root"},
		{"image names nobody", nil, podstate.Image{}, "image will run as root"},
		{"image gives a name", nil, podstate.Image{Username: "web"}, "non-numeric user (web)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &v1.Container{Name: "c", SecurityContext: &v1.SecurityContext{RunAsNonRoot: new(true), RunAsUser: tc.user}}
			err := CheckNonRoot(&v1.Pod{}, c, tc.image)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
