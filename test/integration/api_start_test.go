package integration

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/apiserver/options"
	"github.com/proa-sh/proa/test/cluster"
)

// TestBareStart starts a server as test environments of controllers do: without a certificate, and at an address that no
// other machine can reach.
func TestBareStart(t *testing.T) {
	dir := t.TempDir()
	api := cluster.StartAPI(t, func(o *options.Options) {
		o.Serving.ServerCert.CertKey.CertFile, o.Serving.ServerCert.CertKey.KeyFile = "", ""
		o.Serving.ServerCert.CertDirectory, o.Serving.ServerCert.PairName = dir, "apiserver"
		o.Run.AdvertiseAddress = net.IPv4(127, 0, 0, 1)
		o.Authorization.Modes = []string{options.ModeAlwaysAllow}
	})
	if _, err := api.Client.CoreV1().Services("default").Get(t.Context(), "kubernetes", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	if e, err := api.Client.CoreV1().Endpoints("default").Get(t.Context(), "kubernetes", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("endpoints at an address that nobody reaches: %v, %v", e, err)
	}
	pem, err := os.ReadFile(filepath.Join(dir, "apiserver.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	// With AlwaysAllow, who does not say who he is may do nothing.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api.URL+"/api/v1/secrets", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("an anonymous request: got %s", response.Status)
	}
}

// notApplicable are upstream's checks of parts that this server does not have.
var notApplicable = []string{
	"poststarthook/start-cluster-authentication-info-controller",          // one of its own kind, which no start waits for
	"poststarthook/start-kube-apiserver-identity-lease-controller",        // no identity leases
	"poststarthook/start-kube-apiserver-identity-lease-garbage-collector", //
}

// TestHealth compares the checks of /livez and /readyz with those of kube-apiserver v1.36.
func TestHealth(t *testing.T) {
	api := cluster.StartAPI(t)
	name := regexp.MustCompile(`(?m)^\[([+-])\](\S+)`)
	checks := slices.Concat(notApplicable, []string{"ping", "log", "etcd", "autoregister-completion",
		"poststarthook/aggregator-reload-proxy-client-cert", "poststarthook/apiservice-discovery-controller", "poststarthook/apiservice-openapi-controller",
		"poststarthook/apiservice-openapiv3-controller", "poststarthook/apiservice-registration-controller", "poststarthook/apiservice-status-local-available-controller",
		"poststarthook/apiservice-status-remote-available-controller", "poststarthook/bootstrap-controller", "poststarthook/crd-informer-synced",
		"poststarthook/generic-apiserver-start-informers", "poststarthook/kube-apiserver-autoregistration", "poststarthook/priority-and-fairness-config-consumer",
		"poststarthook/priority-and-fairness-config-producer", "poststarthook/priority-and-fairness-filter", "poststarthook/rbac/bootstrap-roles",
		"poststarthook/scheduling/bootstrap-system-priority-classes", "poststarthook/start-apiextensions-controllers", "poststarthook/start-apiextensions-informers",
		"poststarthook/start-apiserver-admission-initializer", "poststarthook/start-kube-aggregator-informers", "poststarthook/start-kubernetes-service-cidr-controller",
		"poststarthook/start-service-ip-repair-controllers", "poststarthook/start-legacy-token-tracking-controller", "poststarthook/start-system-namespaces-controller", "poststarthook/storage-object-count-tracker-hook"})
	for path, want := range map[string][]string{
		"/livez":  checks,
		"/readyz": append([]string{"etcd-readiness", "informer-sync", "shutdown"}, checks...),
	} {
		var got []string
		for { // until all have passed
			body, err := api.Client.Discovery().RESTClient().Get().AbsPath(path).Param("verbose", "").DoRaw(t.Context())
			if err != nil && !apierrors.IsInternalError(err) {
				t.Fatal(err)
			}
			if err != nil {
				continue
			}
			for _, m := range name.FindAllSubmatch(body, -1) {
				got = append(got, string(m[2]))
			}
			break
		}
		slices.Sort(got)
		slices.Sort(want)
		missing := slices.DeleteFunc(slices.Clone(want), func(c string) bool { return slices.Contains(got, c) || slices.Contains(notApplicable, c) })
		if diff := cmp.Diff([]string(nil), missing); len(missing) > 0 {
			t.Errorf("%s lacks checks (-want +missing):\n%s\nit has %q", path, diff, got)
		}
	}
}
