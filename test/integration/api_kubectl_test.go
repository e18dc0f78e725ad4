package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/test/cluster"
)

// TestKubectl types commands as people do, one after the other, with a stock kubectl: what it prints comes from the server's
// answers, tables, warnings and errors.
func TestKubectl(t *testing.T) {
	api := cluster.StartAPI(t)
	cluster.StartControlPlane(t, api, func(_ string, c *rest.Config) *rest.Config { return c })
	dir := t.TempDir()
	if err := api.Certificates.WriteKubeconfig(filepath.Join(dir, "kubeconfig"), "test", api.URL, pki.Admin); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"pod.yaml":     "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: p}}\nspec: {containers: [{name: c, image: busybox, ports: [{containerPort: 80}]}]}\n",
		"image.yaml":   "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: p}}\nspec: {containers: [{name: c, image: busybox:2, ports: [{containerPort: 80}]}]}\n",
		"other.yaml":   "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: p}}\nspec: {containers: [{name: other, image: busybox:2, ports: [{containerPort: 80}]}]}\n",
		"number.yaml":  "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: u}\ndata: {a: 1}\n",
		"unknown.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: u}\ndat: {a: b}\n",
		"label.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: u}\nspec:\n  selector: {matchLabels: {a: b}}\n  template: {metadata: {labels: {a: c}}, " +
			"spec: {containers: [{name: c, image: i}]}}\n",
		"node.yaml": "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		line string // words between blanks; a quoted one has none in it
		code int
		want string
	}{
		{"create ns t", 0, "namespace/t created"},
		{"config set-context --current --namespace=t", 0, "modified"},
		{"create cm c --from-literal=a=b", 0, "configmap/c created"},
		{"create cm c --from-literal=a=b", 1, `error: failed to create configmap: configmaps "c" already exists`},
		{"create deployment d --image=nginx --replicas=2 --port=80", 0, "deployment.apps/d created"},
		{"expose deployment d --port=80 --type=NodePort --dry-run=server -o jsonpath={.spec.clusterIP}", 0, "10.96."},
		{"expose deployment d --port=80", 0, "service/d exposed"},
		{"scale deploy d --replicas=3", 0, "deployment.apps/d scaled"},
		{"scale deploy d --replicas=1 --current-replicas=9", 1, "error: Expected replicas to be 9, was 3"},
		{"get deploy d --subresource=scale", 0, "NAME   DESIRED   AVAILABLE   AGE"},
		{"autoscale deploy d --min=1 --max=3 --cpu-percent=50", 0, "horizontalpodautoscaler.autoscaling/d autoscaled"},
		{"set image deploy/d nginx=nginx:2", 0, "deployment.apps/d image updated"},
		{"set env deploy/d --list", 0, "# Deployment d, container nginx"},
		{"rollout history deploy/d --revision=1", 0, "deployment.apps/d with revision #1"},
		{"rollout undo deploy/d --to-revision=99", 1, "error: unable to find specified revision 99 in history"},
		{"rollout pause deploy/d", 0, "deployment.apps/d paused"},
		{"rollout pause deploy/d", 1, `error: deployments.apps "d" is already paused`},
		{"label deploy d x=y", 0, "deployment.apps/d labeled"},
		{"label deploy d x=z", 1, "error: 'x' already has a value (y), and --overwrite is false"},
		{`patch deploy d --type=merge -p {"spec":{"replicas":-1}}`, 1, `The Deployment "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0`},
		{`patch deploy d -p {"spec":{"bogus":1}}`, 0, `Warning: unknown field "spec.bogus"`},
		{`patch deploy d --type=json -p [{"op":"test","path":"/spec/replicas","value":77}]`, 1, "the server rejected our request due to an error in our request"},
		{"apply -f pod.yaml", 0, "pod/p created"},
		{"apply -f pod.yaml", 0, "pod/p unchanged"},
		{"apply -f pod.yaml --server-side", 0, "pod/p serverside-applied"},
		{"diff -f pod.yaml", 0, ""},
		{"diff -f image.yaml", 1, "+  generation: 2"},
		{"apply -f image.yaml", 0, "pod/p configured"},
		{"apply -f other.yaml", 1, "spec: Forbidden: pod updates may not change fields other than"},
		{"get pods --field-selector=spec.bogus=p", 1, "field label not supported: spec.bogus"},
		{"get bogus", 1, `error: the server doesn't have a resource type "bogus"`},
		{"get pod nope", 1, `Error from server (NotFound): pods "nope" not found`},
		{"describe pod p", 0, "Service Account:  default"},
		{"describe deploy d", 0, "RollingUpdateStrategy:  25% max unavailable, 25% max surge"},
		{"auth can-i create pods --as=jane", 1, "no"},
		{"create role r --verb=get --resource=pods", 0, "role.rbac.authorization.k8s.io/r created"},
		{"create token default --duration=1m", 1, "may not specify a duration less than 10 minutes"},
		{"create cronjob never --image=busybox --schedule=59\u00a023\u00a031\u00a02\u00a0* -- date", 0, "cronjob.batch/never created"},
		{"wait cronjob/never --for=create --timeout=10s", 0, "condition met"},
		{"create cronjob bad --image=busybox --schedule=nonsense -- date", 1, `spec.schedule: Invalid value: "nonsense": expected exactly 5 fields, found 1: [nonsense]`},
		{"wait pod/p --for=jsonpath={.status.phase}=Pending --timeout=10s", 0, "pod/p condition met"},
		{"apply -f node.yaml", 0, "node/n1 created"},
		{"cordon n1", 0, "node/n1 cordoned"},
		{"cordon n1", 0, "node/n1 already cordoned"},
		{"taint node n1 a=b:NoSchedule", 0, "node/n1 tainted"},
		{"taint node n1 a=b:NoSchedule", 1, "already has a taint(s) with same effect(s) and --overwrite is false"},
		{"drain n1 --ignore-daemonsets", 0, "node/n1 drained"},
		{"exec p -- ls", 1, "Error from server (BadRequest): pod p does not have a host assigned"},
		{"apply -f number.yaml", 1, "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"},
		{"apply -f unknown.yaml", 1, `strict decoding error: unknown field "dat"`},
		{"apply -f unknown.yaml --server-side --validate=strict", 1, ".dat: field not declared in schema"},
		{"create -f label.yaml", 1, "The Deployment \"u\" is invalid: spec.template.metadata.labels: Invalid value: {\"a\":\"c\"}: `selector` does not match template `labels`"},
		{"apply view-last-applied pod/p", 0, ""},
		{"certificate approve none", 1, `Error from server (NotFound): certificatesigningrequests.certificates.k8s.io "none" not found`},
	} {
		words := strings.Fields(strings.ReplaceAll(c.line, "\u00a0", "\x00"))
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "\x00", " ")
		}
		command := exec.CommandContext(t.Context(), "kubectl", words...)
		command.Dir, command.Env = dir, append(os.Environ(), "KUBECONFIG="+filepath.Join(dir, "kubeconfig"), "HOME="+dir)
		out, err := command.CombinedOutput()
		code := 0
		if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
			code = failed.ExitCode()
		} else if err != nil {
			t.Fatalf("kubectl %s: %v", c.line, err)
		}
		if code != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("kubectl %s: exit code %d, want %d and ...%s:\n%s", c.line, code, c.code, c.want, out)
		}
	}
}
