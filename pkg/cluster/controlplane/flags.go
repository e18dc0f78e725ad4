package controlplane

import (
	"fmt"

	"github.com/proa-sh/proa/pkg/cluster/pki"
)

// The programs that can stand in place of the control plane's parts: ours, or their namesakes.
const (
	APIServerProgram         = "kube-apiserver"
	ControllerManagerProgram = "kube-controller-manager"
	SchedulerProgram         = "kube-scheduler"
)

// APIServerFlags are those of an API server.
func APIServerFlags(c Config) []string {
	certificates := c.Certificates
	return []string{
		"--advertise-address=" + c.Address.String(),
		"--allow-privileged=true",
		"--authorization-mode=Node,RBAC",
		"--bind-address=" + c.BindAddress.String(),
		"--client-ca-file=" + certificates.Cert(pki.CA),
		fmt.Sprintf("--enable-aggregator-routing=%t", c.AggregatorRouting),
		"--enable-admission-plugins=NodeRestriction",
		"--enable-bootstrap-token-auth=true",
		"--etcd-servers=" + c.Etcd,
		"--kubelet-certificate-authority=" + certificates.Cert(pki.CA),
		"--kubelet-client-certificate=" + certificates.Cert(pki.APIServerKubeletClient),
		"--kubelet-client-key=" + certificates.Key(pki.APIServerKubeletClient),
		"--kubelet-preferred-address-types=InternalIP,Hostname,ExternalIP",
		"--proxy-client-cert-file=" + certificates.Cert(pki.FrontProxyClient),
		"--proxy-client-key-file=" + certificates.Key(pki.FrontProxyClient),
		"--requestheader-allowed-names=" + pki.FrontProxyClient,
		"--requestheader-client-ca-file=" + certificates.Cert(pki.FrontProxyCA),
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		fmt.Sprintf("--secure-port=%d", c.Port),
		"--service-account-issuer=https://kubernetes.default.svc." + c.Domain,
		"--service-account-key-file=" + certificates.ServiceAccountPublicKey(),
		"--service-account-signing-key-file=" + certificates.ServiceAccountKey(),
		"--service-cluster-ip-range=" + c.ServiceRange,
		"--tls-cert-file=" + certificates.Cert(pki.APIServer),
		"--tls-private-key-file=" + certificates.Key(pki.APIServer),
	}
}

// ControllerManagerFlags are those of a controller manager with a kubeconfig. It is the only one, so it need not be elected.
func ControllerManagerFlags(c Config, kubeconfig, podRange string) []string {
	ca := c.Certificates
	return append(delegating(kubeconfig),
		"--allocate-node-cidrs=true",
		"--client-ca-file="+ca.Cert(pki.CA),
		"--cluster-cidr="+podRange,
		"--cluster-signing-cert-file="+ca.Cert(pki.CA),
		"--cluster-signing-key-file="+ca.Key(pki.CA),
		"--requestheader-client-ca-file="+ca.Cert(pki.FrontProxyCA),
		"--root-ca-file="+ca.Cert(pki.CA),
		"--service-account-private-key-file="+ca.ServiceAccountKey(),
		"--service-cluster-ip-range="+c.ServiceRange,
		"--use-service-account-credentials=true",
	)
}

// SchedulerFlags are those of a scheduler with a kubeconfig.
func SchedulerFlags(kubeconfig string) []string { return delegating(kubeconfig) }

// delegating are the flags of a component that asks the API server who may see its health and metrics.
func delegating(kubeconfig string) []string {
	return []string{
		"--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig, "--kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", "--leader-elect=false",
	}
}
