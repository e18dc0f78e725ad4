package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/transport"

	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/ledger"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/cluster/service"
	"github.com/proa-sh/proa/pkg/cluster/steps"
	"github.com/proa-sh/proa/pkg/component"
)

// shortLife is that of the certificates of TestCertificatesChange: three quarters of it pass before they are renewed.
const shortLife = 20 * time.Second

// quickLooks has the libraries look at files as often as such a life needs; they do each minute or five else.
func quickLooks() {
	transport.CertCallbackRefreshDuration, dynamiccertificates.FileRefreshDuration = time.Second, time.Second
}

// TestCertificatesChange while everything runs: in more than two lives of certificates no client is refused, neither one that lives
// as long nor one that begins anew, and the API server shows a new one to its clients and to kubelets.
func TestCertificatesChange(t *testing.T) {
	env := startControlPlane(t)
	kubelet := startKubeletServer(t, env)
	kubelet.register(t, clientOf(t, env.Config.AdminKubeconfig()))
	lasting := clientOf(t, env.Config.Kubeconfig(pki.Scheduler))
	first := shownBy(t, env)

	end := time.NewTimer(2*shortLife + shortLife/2)
	pause := time.NewTicker(500 * time.Millisecond)
	defer pause.Stop()
	for running := true; running; {
		if _, err := lasting.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}); err != nil {
			t.Errorf("the client that lives as long: %v", err)
		}
		fresh := clientOf(t, env.Config.AdminKubeconfig())
		if _, err := fresh.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}); err != nil {
			t.Errorf("a client with the kubeconfig as it is now: %v", err)
		}
		if _, err := fresh.CoreV1().Pods("default").GetLogs("p", &v1.PodLogOptions{}).DoRaw(t.Context()); err != nil {
			t.Errorf("a log, which the API server gets from the kubelet: %v", err)
		}
		select {
		case <-pause.C:
		case <-end.C:
			running = false
		}
	}
	if now := shownBy(t, env); now.NotAfter.Sub(first.NotAfter) < 2*shortLife-shortLife/2 || time.Now().After(now.NotAfter) {
		t.Errorf("the API server shows a certificate from %v to %v, at first from %v to %v", now.NotBefore, now.NotAfter, first.NotBefore, first.NotAfter)
	}
	if got := kubelet.distinct(); got < 3 || got > 5 {
		t.Errorf("the kubelet was shown %d certificates of the API server", got)
	}
	awaitServiceAccount(t, clientOf(t, env.Config.AdminKubeconfig()))
}

// startControlPlane runs etcd, the API server, controllers and scheduler of a cluster until the test ends.
func startControlPlane(t *testing.T) *Environment {
	t.Helper()
	cfg, err := DefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "c") // short enough for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cfg.UseDataDir(filepath.Join(dir, "data"))
	cfg.RunDir, cfg.APIPort = filepath.Join(dir, "run"), freePort(t)
	timeline := control.NewTimeline()
	env := &Environment{Config: cfg, Service: &service.Service{Socket: cfg.ControlSocket(), StacksFile: filepath.Join(dir, "stacks"), Timeline: timeline}}
	env.certificates.life, env.certificates.pause = shortLife, time.Second
	if env.Ledger, err = ledger.Open(cfg.LedgerFile()); err != nil {
		t.Fatal(err)
	}
	env.Node = &node.Node{Config: cfg.Node(), Ledger: env.Ledger, Service: env.Service}
	if err := env.makeDirs(); err != nil {
		t.Fatal(err)
	}
	wanted := []string{StepCertificates, StepEtcdSocket, StepEtcd, StepAPIServer, StepControllers, StepScheduler}
	list := slices.DeleteFunc(append(env.baseSteps(), Components(env)...), func(s steps.Step) bool { return !slices.Contains(wanted, s.Name) })
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if _, err := env.Run(ctx, list); err != nil {
			t.Errorf("the control plane ended: %v", err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait(); env.Ledger.Close() })
	timeline.Follow(t.Context(), func(m control.Message) bool {
		if m.Error != "" {
			t.Fatal(m.Error)
		}
		return m.Phase != control.Running
	})
	return env
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func clientOf(t *testing.T, kubeconfig string) kubernetes.Interface {
	t.Helper()
	client, _, err := component.Client("", kubeconfig, "test")
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// shownBy is the certificate that the API server shows to a new client.
func shownBy(t *testing.T, env *Environment) *x509.Certificate {
	t.Helper()
	ca, err := os.ReadFile(env.PKI.Cert(pki.CA))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	conn, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(env.Config.APIPort)), &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// kubeletServer answers as a kubelet does, with its certificate, and notes whose client comes.
type kubeletServer struct {
	addr *net.TCPAddr
	node string

	mu   sync.Mutex
	seen map[string]bool // guarded by mu; the certificates that clients showed
}

func startKubeletServer(t *testing.T, env *Environment) *kubeletServer {
	t.Helper()
	certificate, err := env.PKI.Serving(pki.KubeletServer)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(env.Config.NodeIP.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	k := &kubeletServer{addr: listener.Addr().(*net.TCPAddr), node: env.Config.NodeName, seen: map[string]bool{}}
	server := &http.Server{Handler: http.HandlerFunc(k.serve)}
	var serving sync.WaitGroup
	serving.Go(func() {
		// It ends when it is closed.
		_ = server.Serve(tls.NewListener(listener, &tls.Config{GetCertificate: certificate, ClientAuth: tls.RequestClientCert}))
	})
	t.Cleanup(func() { server.Close(); serving.Wait() })
	return k
}

func (k *kubeletServer) serve(w http.ResponseWriter, r *http.Request) {
	if len(r.TLS.PeerCertificates) == 0 || time.Now().After(r.TLS.PeerCertificates[0].NotAfter) {
		http.Error(w, "no valid certificate", http.StatusUnauthorized)
		return
	}
	k.mu.Lock()
	k.seen[r.TLS.PeerCertificates[0].SerialNumber.String()] = true
	k.mu.Unlock()
	fmt.Fprintln(w, "a line")
}

func (k *kubeletServer) distinct() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.seen)
}

// register makes the node, and a pod on it.
func (k *kubeletServer) register(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	_, err := client.CoreV1().Nodes().Create(t.Context(), &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: k.node}, Status: v1.NodeStatus{
		Addresses:       []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: k.addr.IP.String()}},
		DaemonEndpoints: v1.NodeDaemonEndpoints{KubeletEndpoint: v1.DaemonEndpoint{Port: int32(k.addr.Port)}},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	awaitServiceAccountIn(t, client, "default")
	_, err = client.CoreV1().Pods("default").Create(t.Context(), &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: v1.PodSpec{
		NodeName: k.node, Containers: []v1.Container{{Name: "c", Image: "none"}}, Tolerations: []v1.Toleration{{Operator: v1.TolerationOpExists}},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// awaitServiceAccount shows that controllers go on: a new namespace gets its account.
func awaitServiceAccount(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "later"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	awaitServiceAccountIn(t, client, "later")
}

func awaitServiceAccountIn(t *testing.T, client kubernetes.Interface, namespace string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	watch, err := client.CoreV1().ServiceAccounts(namespace).Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=default"})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	if _, told := <-watch.ResultChan(); !told {
		t.Errorf("controllers have stopped: no account in namespace %s", namespace)
	}
}
