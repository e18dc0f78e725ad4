package runtime

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// objects is an API with one config map and one secret.
type objects struct{}

func (objects) ConfigMap(_ context.Context, _, name string) (*v1.ConfigMap, error) {
	if name != "map" {
		return nil, apierrors.NewNotFound(v1.Resource("configmaps"), name)
	}
	return &v1.ConfigMap{Data: map[string]string{"key": "from map", "bad key": "x"}}, nil
}

func (objects) Secret(_ context.Context, _, name string) (*v1.Secret, error) {
	if name != "secret" {
		return nil, apierrors.NewNotFound(v1.Resource("secrets"), name)
	}
	return &v1.Secret{Data: map[string][]byte{"key": []byte("from secret")}}, nil
}

func TestExpand(t *testing.T) {
	lookup := func(name string) (string, bool) { return "<" + name + ">", name == "A" || name == "A-1" }
	for text, want := range map[string]string{
		"$(A)": "<A>", "x$(A)y$(A-1)": "x<A>y<A-1>", "$$(A)": "$(A)", "$$$(A)": "$<A>", "$(B)": "$(B)", "$(A": "$(A",
		"$": "$", "a$": "a$", "$x": "$x", "$()": "$()", "": "",
	} {
		if got := Expand(text, lookup); got != want {
			t.Errorf("Expand(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestEnv(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vars"), []byte("# comment\nOTHER=1\nFROM_FILE='file value'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ref := func(name string) v1.LocalObjectReference { return v1.LocalObjectReference{Name: name} }
	in := EnvInput{
		Pod:      &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns"}, Status: v1.PodStatus{PodIP: "10.0.0.1"}},
		Services: map[string]string{"WEB_SERVICE_HOST": "10.1.1.1", "OVER": "service"},
		Volumes:  map[string]podstate.VolumePath{"v": {Path: dir}},
		Container: &v1.Container{
			EnvFrom: []v1.EnvFromSource{
				{ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: ref("map")}},
				{Prefix: "S_", SecretRef: &v1.SecretEnvSource{LocalObjectReference: ref("secret")}},
				{ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: ref("none"), Optional: new(true)}},
			},
			Env: []v1.EnvVar{
				{Name: "OVER", Value: "own"},
				{Name: "SUM", Value: "$(OVER) $(key) $(WEB_SERVICE_HOST) $(LATER)"},
				{Name: "LATER", Value: "late"},
				{Name: "IP", ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
				{Name: "KEY", ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: ref("secret"), Key: "key"}}},
				{Name: "GONE", ValueFrom: &v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{LocalObjectReference: ref("map"), Key: "no", Optional: new(true)}}},
				{Name: "FILE", ValueFrom: &v1.EnvVarSource{FileKeyRef: &v1.FileKeySelector{VolumeName: "v", Path: "vars", Key: "FROM_FILE"}}},
			},
		},
	}
	got, err := Env(context.Background(), in, objects{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range got {
		lines = append(lines, e.Name+"="+e.Value)
	}
	want := []string{
		"S_key=from secret", "WEB_SERVICE_HOST=10.1.1.1", "bad key=x", "key=from map",
		"OVER=own", "SUM=own from map 10.1.1.1 $(LATER)", "LATER=late", "IP=10.0.0.1", "KEY=from secret", "FILE=file value",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestEnvFaults(t *testing.T) {
	ref := v1.LocalObjectReference{Name: "map"}
	for _, tc := range []struct {
		want string
		from v1.EnvVarSource
	}{
		{"couldn't find key no in ConfigMap ns/map", v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{LocalObjectReference: ref, Key: "no"}}},
		{`configmaps "x" not found`, v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{LocalObjectReference: v1.LocalObjectReference{Name: "x"}, Key: "no"}}},
		{"unsupported fieldPath", v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: "spec.nope"}}},
	} {
		in := EnvInput{Pod: &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}}, Container: &v1.Container{Env: []v1.EnvVar{{Name: "A", ValueFrom: &tc.from}}}}
		if _, err := Env(context.Background(), in, objects{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
}

func TestServiceEnv(t *testing.T) {
	service := func(namespace, name, ip string, ports ...v1.ServicePort) *v1.Service {
		return &v1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1.ServiceSpec{ClusterIP: ip, Ports: ports}}
	}
	services := []*v1.Service{
		service("ns", "my-web", "10.0.0.1", v1.ServicePort{Name: "http", Port: 80}, v1.ServicePort{Port: 53, Protocol: v1.ProtocolUDP}),
		service("ns", "headless", v1.ClusterIPNone, v1.ServicePort{Port: 1}),
		service("other", "x", "10.0.0.2", v1.ServicePort{Port: 1}),
		service("default", "kubernetes", "10.0.0.3", v1.ServicePort{Name: "https", Port: 443}),
	}
	common := map[string]string{
		"KUBERNETES_SERVICE_HOST": "10.0.0.3", "KUBERNETES_SERVICE_PORT": "443", "KUBERNETES_SERVICE_PORT_HTTPS": "443",
		"KUBERNETES_PORT": "tcp://10.0.0.3:443", "KUBERNETES_PORT_443_TCP": "tcp://10.0.0.3:443", "KUBERNETES_PORT_443_TCP_PROTO": "tcp",
		"KUBERNETES_PORT_443_TCP_PORT": "443", "KUBERNETES_PORT_443_TCP_ADDR": "10.0.0.3",
	}
	own := map[string]string{
		"MY_WEB_SERVICE_HOST": "10.0.0.1", "MY_WEB_SERVICE_PORT": "80", "MY_WEB_SERVICE_PORT_HTTP": "80", "MY_WEB_PORT": "tcp://10.0.0.1:80",
		"MY_WEB_PORT_80_TCP": "tcp://10.0.0.1:80", "MY_WEB_PORT_80_TCP_PROTO": "tcp", "MY_WEB_PORT_80_TCP_PORT": "80", "MY_WEB_PORT_80_TCP_ADDR": "10.0.0.1",
		"MY_WEB_PORT_53_UDP": "udp://10.0.0.1:53", "MY_WEB_PORT_53_UDP_PROTO": "udp", "MY_WEB_PORT_53_UDP_PORT": "53", "MY_WEB_PORT_53_UDP_ADDR": "10.0.0.1",
	}
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}, Spec: v1.PodSpec{EnableServiceLinks: new(false)}}
	if diff := cmp.Diff(common, ServiceEnv(pod, services)); diff != "" {
		t.Errorf("without links (-want +got):\n%s", diff)
	}
	pod.Spec.EnableServiceLinks = nil
	for k, v := range common {
		own[k] = v
	}
	if diff := cmp.Diff(own, ServiceEnv(pod, services)); diff != "" {
		t.Errorf("with links (-want +got):\n%s", diff)
	}
}

func TestDNSConfig(t *testing.T) {
	host := parseResolvConf("# comment\nnameserver 192.0.2.53 # main\nsearch lan. corp\noptions timeout:1 ndots:3\n")
	cluster := DNS{Servers: []string{"10.96.0.10"}, Domain: "cluster.local"}
	for _, tc := range []struct {
		name    string
		spec    v1.PodSpec
		dns     DNS
		want    []string
		problem string
	}{
		{"cluster first", v1.PodSpec{DNSPolicy: v1.DNSClusterFirst}, cluster,
			[]string{"10.96.0.10", "ns.svc.cluster.local svc.cluster.local cluster.local lan corp", "ndots:5"}, ""},
		{"host network falls back", v1.PodSpec{DNSPolicy: v1.DNSClusterFirst, HostNetwork: true}, cluster,
			[]string{"192.0.2.53", "lan corp", "timeout:1 ndots:3"}, ""},
		{"host network with the cluster's", v1.PodSpec{DNSPolicy: v1.DNSClusterFirstWithHostNet, HostNetwork: true}, cluster,
			[]string{"10.96.0.10", "ns.svc.cluster.local svc.cluster.local cluster.local lan corp", "ndots:5"}, ""},
		{"no cluster servers", v1.PodSpec{DNSPolicy: v1.DNSClusterFirst}, DNS{},
			[]string{"192.0.2.53", "lan corp", "timeout:1 ndots:3"}, "ClusterDNS"},
		{"own only", v1.PodSpec{DNSPolicy: v1.DNSNone, DNSConfig: &v1.PodDNSConfig{
			Nameservers: []string{"192.0.2.1"}, Searches: []string{"a"}, Options: []v1.PodDNSConfigOption{{Name: "edns0"}}}}, cluster,
			[]string{"192.0.2.1", "a", "edns0"}, ""},
		{"too many servers", v1.PodSpec{DNSPolicy: v1.DNSNone, DNSConfig: &v1.PodDNSConfig{
			Nameservers: []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}}}, cluster,
			[]string{"192.0.2.1 192.0.2.2 192.0.2.3", "", ""}, "Nameserver limits"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: tc.spec}
			conf, problem := DNSConfig(pod, tc.dns, host)
			join := func(s []string) string { return strings.Join(s, " ") }
			if diff := cmp.Diff(tc.want, []string{join(conf.Servers), join(conf.Searches), join(conf.Options)}); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
			if !strings.Contains(problem, tc.problem) || problem != "" && tc.problem == "" {
				t.Errorf("problem is %q, want %q", problem, tc.problem)
			}
		})
	}
	if got := (&runtimeapi.DNSConfig{}); len(parseResolvConf("").Servers) != len(got.Servers) {
		t.Error("an empty file gives servers")
	}
}

func TestHostsFile(t *testing.T) {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: v1.PodSpec{
		Hostname: "h", Subdomain: "sub", HostAliases: []v1.HostAlias{{IP: "192.0.2.1", Hostnames: []string{"a", "b"}}},
	}}
	got := HostsFile(pod, []string{"10.0.0.1", "fd00::1"}, "cluster.local", "")
	for _, want := range []string{
		"# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n", "10.0.0.1\th.sub.ns.svc.cluster.local\th\n", "fd00::1\th.sub",
		"# Entries added by HostAliases.\n192.0.2.1\ta\tb\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("hosts file lacks %q:\n%s", want, got)
		}
	}
	pod.Spec.HostNetwork = true
	got = HostsFile(pod, nil, "cluster.local", "127.0.0.1 node\n")
	if strings.Contains(got, "# Kubernetes-managed hosts file.\n") || !strings.Contains(got, "127.0.0.1 node\n") {
		t.Errorf("with the host's network:\n%s", got)
	}
}
