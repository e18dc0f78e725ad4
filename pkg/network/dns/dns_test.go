package dns

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite recorded output")

// manifest is what the repository shows to people who want the add-on as a file.
const manifest = "../../../manifests/addons/coredns.yaml"

func defaults() Params {
	return Params{
		ClusterIPs: []netip.Addr{netip.MustParseAddr("10.96.0.10")},
		Domain:     "cluster.local",
		Image:      "registry.k8s.io/coredns/coredns:v1.14.7",
		Replicas:   1,
		Upstream:   Upstream{Servers: []string{resolvConf}, MayLoop: true},
	}
}

func TestObjectsAreTheManifest(t *testing.T) {
	var rendered bytes.Buffer
	for _, object := range Objects(defaults()) {
		data, err := patchOf(object)
		if err != nil {
			t.Fatal(err)
		}
		text, err := yaml.JSONToYAML(data)
		if err != nil {
			t.Fatal(err)
		}
		rendered.WriteString("---\n")
		rendered.Write(text)
	}
	if *update {
		if err := os.WriteFile(manifest, rendered.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	recorded, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(recorded), rendered.String()); diff != "" {
		t.Errorf("manifest differs (-recorded +rendered); run with -update and look at the change:\n%s", diff)
	}
}

func TestUpstreamOf(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		want    Upstream
	}{
		"empty":        {"", Upstream{}},
		"no server":    {"search example.org\noptions ndots:5\n", Upstream{}},
		"stub on node": {"nameserver 127.0.0.53\noptions edns0\n", Upstream{}},
		"v6 loopback":  {"nameserver ::1\n", Upstream{}},
		"unspecified":  {"nameserver 0.0.0.0\n", Upstream{}},
		"servers":      {"nameserver 192.0.2.1\nnameserver 2001:db8::1\n", Upstream{Servers: []string{resolvConf}, MayLoop: true}},
		"mixed":        {"nameserver 127.0.0.1\nnameserver 192.0.2.1\n", Upstream{Servers: []string{"192.0.2.1"}, MayLoop: true}},
		"comments":     {"# nameserver 192.0.2.1\n;nameserver 192.0.2.1\n", Upstream{}},
		"odd lines":    {"nameserver\nnameserver not-an-address\n\x00\n", Upstream{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, UpstreamOf([]byte(test.content))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCorefileWithoutUpstream(t *testing.T) {
	want := `.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes example.test in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus :9153
    cache 30
    reload
    loadbalance
}
`
	if diff := cmp.Diff(want, corefile("example.test", Upstream{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestApplyTwice(t *testing.T) {
	ctx, client := t.Context(), fake.NewClientset()
	for _, image := range []string{"example.test/coredns:1", "example.test/coredns:2"} {
		params := defaults()
		params.Image = image
		if err := Apply(ctx, client, params); err != nil {
			t.Fatal(err)
		}
		deployment, err := client.AppsV1().Deployments(Namespace).Get(ctx, DeploymentName, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := deployment.Spec.Template.Spec.Containers[0].Image; got != image {
			t.Errorf("image is %q, want %q", got, image)
		}
	}
	svc, err := client.CoreV1().Services(Namespace).Get(ctx, ServiceName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if svc.Spec.ClusterIP != "10.96.0.10" || len(svc.Spec.Ports) != 3 {
		t.Errorf("service is %+v", svc.Spec)
	}
	if _, err := client.RbacV1().ClusterRoleBindings().Get(ctx, roleName, metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}

func TestPreferredNode(t *testing.T) {
	p := defaults()
	p.PreferredNode = "vm"
	terms := deployment(p).Spec.Template.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution
	if len(terms) != 1 || terms[0].Preference.MatchExpressions[0].Values[0] != "vm" {
		t.Errorf("preferred: %v", terms)
	}
}
