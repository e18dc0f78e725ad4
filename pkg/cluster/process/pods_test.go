package process

import "testing"

func TestInPod(t *testing.T) {
	for _, test := range []struct {
		name, cgroups string
		want          bool
	}{
		{"machine", "4:memory:/\n1:cpu:/\n0::/\n", false},
		{"unit", "0::/proa.service\n", false},
		{"further node", "1:cpu:/proa-nodes/node-2\n0::/\n", false},
		{"pod", "4:memory:/proa/kubepods/burstable/pod1/c\n1:cpu:/proa/kubepods/burstable/pod1/c\n", true},
		{"pod of a further node", "0::/proa-nodes/node-2/kubepods/besteffort/pod1/c\n", true},
		{"pod of another kubelet", "0::/kubepods.slice/kubepods-pod1.slice/c\n", true},
		{"pod in one hierarchy alone", "1:cpu:/\n0::/proa/kubepods/pod1/c\n", true},
		{"name that only begins so", "0::/kubepods-tools/x\n", false},
	} {
		if got := inPod(test.cgroups, "1:cpu:/\n0::/\n"); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// TestInPodOurselves: a cluster in a pod knows its own processes, and those of its pods.
func TestInPodOurselves(t *testing.T) {
	const own = "1:cpu:/kubepods/pod1/c\n0::/kubepods/pod1/c\n"
	if inPod(own, own) {
		t.Error("our own process is taken for a pod's")
	}
	if !inPod("1:cpu:/proa/kubepods/pod2/c\n0::/kubepods/pod1/c\n", own) {
		t.Error("the process of a pod is taken for ours")
	}
}
