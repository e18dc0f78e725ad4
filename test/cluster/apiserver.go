package cluster

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/proa-sh/proa/pkg/apiserver"
	"github.com/proa-sh/proa/pkg/apiserver/options"
	"github.com/proa-sh/proa/pkg/cluster/controlplane"
	"github.com/proa-sh/proa/pkg/cluster/etcd"
	"github.com/proa-sh/proa/pkg/cluster/pki"
)

// API is a running API server.
type API struct {
	Server *apiserver.Server
	// Config and Client reach the server as an administrator, in this process.
	Config *rest.Config
	Client kubernetes.Interface
	// URL of the server, and its certificates, for clients that use the network.
	URL          string
	Certificates pki.Set
}

// StartAPI starts etcd and an API server and returns when it is ready. change may adjust its options.
func StartAPI(t testing.TB, change ...func(*options.Options)) *API {
	t.Helper()
	return StartAPIIn(t, t.TempDir(), change...)
}

// StartAPIIn is StartAPI with the certificates and the data of a directory, of an earlier test or new ones. Its path must be
// short enough for that of a unix socket below it.
func StartAPIIn(t testing.TB, dir string, change ...func(*options.Options)) *API {
	t.Helper()
	local := net.IPv4(127, 0, 0, 1)
	certificates, err := pki.Ensure(pki.Config{Dir: filepath.Join(dir, "pki"), NodeName: "test", DNSDomain: "cluster.local",
		ServerIPs: []net.IP{local, net.IPv4(10, 96, 0, 1)}, NodeIPs: []net.IP{local}})
	check(t, err)
	member, err := etcd.New(etcd.Config{Dir: filepath.Join(dir, "etcd"), Socket: filepath.Join(dir, "s", "etcd")})
	check(t, err)
	run(t, member.Run)
	<-member.Ready()

	port := FreePort(t)
	o, err := controlplane.Options(controlplane.Config{Certificates: certificates, Etcd: member.Endpoint(), Address: net.IPv4(192, 0, 2, 1), BindAddress: local, Port: port,
		ServiceRange: "10.96.0.0/16", Domain: "cluster.local", AggregatorRouting: true})
	check(t, err)
	for _, c := range change {
		c(o)
	}
	server, err := apiserver.New(t.Context(), o)
	check(t, err)
	run(t, server.Run)
	config := server.ClientConfig(&user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup, user.AllAuthenticated}})
	client, err := kubernetes.NewForConfig(config)
	check(t, err)
	api := &API{Server: server, Config: config, Client: client, Certificates: certificates, URL: "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	check(t, server.WaitReady(t.Context()))
	return api
}

// run runs a part until the test ends, and waits for its end. One that ends earlier is a fault.
func run(t testing.TB, part func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		err := part(ctx)
		if err == nil && ctx.Err() == nil {
			err = errors.New("a part of the control plane has ended by itself")
		}
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// FreePort returns a port of the loopback interface on which nobody listens.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
