package options

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
)

func TestTaints(t *testing.T) {
	o := parse(t, "", "--kubeconfig=x", "--cloud-provider=external", "--register-with-taints=a=b:NoSchedule,c:NoExecute")
	if errs := o.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	want := []v1.Taint{{Key: "a", Value: "b", Effect: "NoSchedule"}, {Key: "c", Effect: "NoExecute"},
		{Key: "node.cloudprovider.kubernetes.io/uninitialized", Value: "true", Effect: "NoSchedule"}}
	if diff := cmp.Diff(want, o.Kubelet.RegisterWithTaints); diff != "" {
		t.Errorf("taints (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"a", "a=b", "=b:NoSchedule", "a:Never"} {
		if err := new(taints).Set(bad); err == nil {
			t.Errorf("taint %q is taken", bad)
		}
	}
	for _, err := range parse(t, "", "--kubeconfig=x", "--cloud-provider=aws").Validate() {
		if !strings.Contains(err.Error(), "--cloud-provider") {
			t.Error(err)
		}
	}
}

func TestSwap(t *testing.T) {
	const header = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	for text, want := range map[string]error{header: nil, header + "/dev/sdb2 partition 100 0 -2\n": errSwap} {
		path := filepath.Join(t.TempDir(), "swaps")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := withoutSwap(path); err != want {
			t.Errorf("a list of swap areas\n%s gives %v, want %v", text, err, want)
		}
	}
	if err := withoutSwap(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Errorf("a kernel without swap gives %v", err)
	}
}

func TestEvictionDefaultsMerge(t *testing.T) {
	const file = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmergeDefaultEvictionSettings: true\nevictionHard: {memory.available: 1Gi}\npodsPerCore: 1\nmaxPods: 100000\n"
	o := parse(t, file, "--kubeconfig=x")
	if errs := o.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	want := map[string]string{"memory.available": "1Gi", "nodefs.available": "10%", "nodefs.inodesFree": "5%", "imagefs.available": "15%", "imagefs.inodesFree": "5%"}
	if diff := cmp.Diff(want, o.Kubelet.EvictionHard); diff != "" {
		t.Errorf("thresholds (-want +got):\n%s", diff)
	}
	if o.Kubelet.MaxPods >= 100000 {
		t.Errorf("the node takes %d pods at one a core", o.Kubelet.MaxPods)
	}
}
