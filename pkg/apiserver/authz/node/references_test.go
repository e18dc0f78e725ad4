package node

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// names matches the fields by which one object may name another. A field that it matches is a reference or is listed in
// noObjects, so that a new one cannot be forgotten.
var names = regexp.MustCompile(`(?i)(name|ref|secret|claim|account|uri)$`)

// noObjects are fields that name something else than an API object that the kubelet reads, by the end of their path.
var noObjects = []string{
	"volumes.name", "ontainers.name", "env.name", "ports.name", "httpHeaders.name", "volumeMounts.name", "volumeDevices.name", "sysctls.name", "options.name", // of the pod itself
	"os.name", "hostname", "schedulingGates.name", "resourceClaims.name", "claims.name", "runAsUserName", "hostProcess.name",
	"resourceFieldRef.containerName", "targetContainerName", "fileKeyRef.volumeName", "resourceName",
	"nodeName", "schedulerName", "priorityClassName", "runtimeClassName", // others read these
	"gmsaCredentialSpecName",          // resolved by a webhook of its own into the spec
	"vsphereVolume.storagePolicyName", // of the storage systems
	"azureDisk.diskName", "diskURI", "azureFile.shareName", "gcePersistentDisk.pdName", "storageos.volumeName",
	"flocker.datasetName", "scaleIO.volumeName", "iscsi.initiatorName",
}

// TestReferences sets each text of a pod's spec on its own and looks whether it makes a reference.
func TestReferences(t *testing.T) {
	var found []string
	for _, leaf := range leaves(reflect.TypeFor[corev1.PodSpec](), "spec", nil) {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod"}}
		leaf.set(reflect.ValueOf(&pod.Spec).Elem(), "value")
		refs := slices.Collect(References(pod))
		for _, r := range refs {
			// A claim that a pod brings with it is one, whatever is set within.
			path, _, _ := strings.Cut(leaf.path, ".volumeClaimTemplate")
			found = append(found, path+" "+r.Resource)
		}
		if len(refs) == 0 && names.MatchString(leaf.path) && !slices.ContainsFunc(noObjects, func(end string) bool { return strings.HasSuffix(leaf.path, end) }) {
			t.Errorf("%s looks like a reference to an API object: list it in References, or in noObjects of this test", leaf.path)
		}
	}
	golden(t, strings.Join(slices.Compact(found), "\n")+"\n")
}

var update = flag.Bool("update", false, "rewrite testdata/references.txt")

func golden(t *testing.T, got string) {
	t.Helper()
	const file = "testdata/references.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("fields of a pod that name API objects (-%s +got), rewritten by go test -update:\n%s", file, diff)
	}
}

// leaf is one text within a type.
type leaf struct {
	path string
	// set makes everything on the way to the text and sets it.
	set func(within reflect.Value, text string)
}

// leaves lists every text of a type by the path of JSON names. A type within itself is walked once.
func leaves(t reflect.Type, path string, on []reflect.Type) []leaf {
	if slices.Contains(on, t) {
		return nil
	}
	on = append(on[:len(on):len(on)], t)
	through := func(of reflect.Type, path string, step func(reflect.Value) reflect.Value) []leaf {
		inner := leaves(of, path, on)
		out := make([]leaf, len(inner))
		for i, l := range inner {
			out[i] = leaf{l.path, func(v reflect.Value, text string) { l.set(step(v), text) }}
		}
		return out
	}
	switch t.Kind() {
	case reflect.String:
		return []leaf{{path, func(v reflect.Value, text string) { v.SetString(text) }}}
	case reflect.Pointer:
		return through(t.Elem(), path, func(v reflect.Value) reflect.Value {
			v.Set(reflect.New(t.Elem()))
			return v.Elem()
		})
	case reflect.Slice:
		return through(t.Elem(), path, func(v reflect.Value) reflect.Value {
			v.Set(reflect.MakeSlice(t, 1, 1))
			return v.Index(0)
		})
	case reflect.Struct:
		if t == reflect.TypeFor[resource.Quantity]() || t == reflect.TypeFor[intstr.IntOrString]() || t == reflect.TypeFor[metav1.Time]() {
			return nil
		}
		var out []leaf
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			inner := path
			if name != "" {
				inner = path + "." + name
			}
			out = append(out, through(f.Type, inner, func(v reflect.Value) reflect.Value { return v.Field(i) })...)
		}
		return out
	case reflect.Map, reflect.Bool, reflect.Int32, reflect.Int64, reflect.Uint8:
		return nil // selectors, amounts, numbers
	}
	panic(fmt.Sprintf("%s: a %s, which this test does not know", path, t.Kind()))
}
