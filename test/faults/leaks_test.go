package faults

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// nothingLeft says what there is still of the load: its namespace, containers, addresses of pods.
func (c *cluster) nothingLeft(ctx context.Context) error {
	if _, err := c.typed.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return fmt.Errorf("the namespace is still there (%w)", err)
	}
	all, err := containers()
	if err == nil && len(all) > 0 {
		err = fmt.Errorf("containers still run: %v", all)
	}
	return errors.Join(err, c.podAddresses(ctx), sandboxes(ctx, runDir()), sandboxes(ctx, filepath.Join(runDir(), "nodes", further)))
}

// sandboxes says which of the load the runtime of a node still has.
func sandboxes(ctx context.Context, nodeDir string) error {
	connection, err := grpc.NewClient("unix://"+filepath.Join(nodeDir, "containerd", "containerd.sock"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	found, err := runtimeapi.NewRuntimeServiceClient(connection).ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		return fmt.Errorf("list sandboxes: %w", err)
	}
	var faults []error
	for _, one := range found.Items {
		if one.Metadata.Namespace == namespace {
			faults = append(faults, fmt.Errorf("the sandbox %s of pod %s is still there", one.Id, one.Metadata.Name))
		}
	}
	return errors.Join(faults...)
}

// podAddresses compares the addresses that were given out on the nodes with those of their pods.
func (c *cluster) podAddresses(ctx context.Context) error {
	found, err := c.typed.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for i := range found.Items {
		has[found.Items[i].Status.PodIP] = true
	}
	var faults []error
	for _, node := range []string{dataDir(), filepath.Join(dataDir(), "nodes", further)} {
		files, err := filepath.Glob(filepath.Join(node, "cni", "networks", "*", "*"))
		if err != nil {
			return err
		}
		for _, file := range files {
			if address, err := netip.ParseAddr(filepath.Base(file)); err == nil && !has[address.String()] {
				owner, _ := os.ReadFile(file) // it may be free again by now
				faults = append(faults, fmt.Errorf("%s is given to no pod but kept in %s for %s", address, file, strings.Fields(string(owner))))
			}
		}
	}
	return errors.Join(faults...)
}

// nothingTaken says which cluster IPs and node ports are taken for Services that are not there. Ports are not in the API; etcd is
// asked for them.
func (c *cluster) nothingTaken(ctx context.Context) error {
	services, err := c.typed.CoreV1().Services("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	used, ports := map[string]bool{}, 0
	for i := range services.Items {
		for _, ip := range services.Items[i].Spec.ClusterIPs {
			used[ip] = true
		}
		for _, port := range services.Items[i].Spec.Ports {
			if port.NodePort != 0 {
				ports++
			}
		}
	}
	addresses, err := c.typed.NetworkingV1().IPAddresses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var faults []error
	for i := range addresses.Items {
		if a := &addresses.Items[i]; !used[a.Name] {
			faults = append(faults, fmt.Errorf("%s is taken for %+v, which does not have it", a.Name, a.Spec.ParentRef))
		}
	}
	taken, err := takenPorts(ctx)
	if err == nil && taken != ports {
		err = fmt.Errorf("%d node ports are taken, Services have %d", taken, ports)
	}
	return errors.Join(append(faults, err)...)
}

// takenPorts counts the node ports that are taken.
func takenPorts(ctx context.Context) (int, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"unix://" + filepath.Join(runDir(), "etcd.sock")}, DialTimeout: requestTimeout})
	if err != nil {
		return 0, err
	}
	defer client.Close()
	answer, err := client.Get(ctx, "/registry/ranges/servicenodeports")
	if err != nil || len(answer.Kvs) == 0 {
		return 0, err
	}
	decoded, _, err := scheme.Codecs.UniversalDeserializer().Decode(answer.Kvs[0].Value, nil, nil)
	if err != nil {
		return 0, fmt.Errorf("decode the map of node ports: %w", err)
	}
	ranges, ok := decoded.(*corev1.RangeAllocation)
	if !ok {
		return 0, fmt.Errorf("the map of node ports is a %T", decoded)
	}
	count := 0
	for _, b := range ranges.Data {
		for ; b != 0; b &= b - 1 {
			count++
		}
	}
	return count, nil
}
