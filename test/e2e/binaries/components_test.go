package binaries

import (
	"context"
	"net"
	"strings"
)

// The flags and files below are those that kubeadm v1.36 writes, but for the directories, for mode nftables of kube-proxy
// and driver cgroupfs of kubelet.

// startAPIServer makes what the API server needs, and runs it.
func (c *cluster) startAPIServer(etcd string, client pair) *process {
	c.t.Helper()
	serving := c.ca.server("apiserver", []string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", nodeName,
	}, net.ParseIP(nodeIP), net.ParseIP(firstService))
	kubelets := c.ca.client("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters")
	aggregator := c.frontProxy.client("front-proxy-client", "front-proxy-client")
	private, public := serviceAccountKeys(c.t, c.path("pki"))
	c.apiServer = []string{
		flag("advertise-address", nodeIP),
		flag("allow-privileged", true),
		flag("authorization-mode", "Node,RBAC"),
		flag("client-ca-file", c.ca.certFile),
		flag("enable-admission-plugins", "NodeRestriction"),
		flag("enable-bootstrap-token-auth", true),
		flag("etcd-cafile", c.ca.certFile),
		flag("etcd-certfile", client.cert),
		flag("etcd-keyfile", client.key),
		flag("etcd-servers", etcd),
		// Beyond kubeadm: kubelets' certificates are verified, for the cluster signs them.
		flag("kubelet-certificate-authority", c.ca.certFile),
		flag("kubelet-client-certificate", kubelets.cert),
		flag("kubelet-client-key", kubelets.key),
		flag("kubelet-preferred-address-types", "InternalIP,ExternalIP,Hostname"),
		flag("proxy-client-cert-file", aggregator.cert),
		flag("proxy-client-key-file", aggregator.key),
		flag("requestheader-allowed-names", "front-proxy-client"),
		flag("requestheader-client-ca-file", c.frontProxy.certFile),
		flag("requestheader-extra-headers-prefix", "X-Remote-Extra-"),
		flag("requestheader-group-headers", "X-Remote-Group"),
		flag("requestheader-username-headers", "X-Remote-User"),
		flag("secure-port", 6443),
		flag("service-account-issuer", "https://kubernetes.default.svc.cluster.local"),
		flag("service-account-key-file", public),
		flag("service-account-signing-key-file", private),
		flag("service-cluster-ip-range", serviceRange),
		flag("tls-cert-file", serving.cert),
		flag("tls-private-key-file", serving.key),
	}
	return c.runAPIServer()
}

func (c *cluster) runAPIServer() *process {
	c.t.Helper()
	p := c.start("kube-apiserver", c.apiServer...)
	c.eventually("the API server", func(ctx context.Context) error {
		return c.admin.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
	return p
}

func (c *cluster) startControllerManager() *process {
	c.t.Helper()
	config := c.configs["system:kube-controller-manager"]
	return c.start("kube-controller-manager",
		flag("allocate-node-cidrs", true),
		flag("authentication-kubeconfig", config),
		flag("authorization-kubeconfig", config),
		flag("bind-address", "127.0.0.1"),
		flag("client-ca-file", c.ca.certFile),
		flag("cluster-cidr", podRange),
		flag("cluster-name", "kubernetes"),
		flag("cluster-signing-cert-file", c.ca.certFile),
		flag("cluster-signing-key-file", c.ca.keyFile),
		flag("controllers", "*,bootstrapsigner,tokencleaner"),
		flag("kubeconfig", config),
		flag("leader-elect", true),
		flag("requestheader-client-ca-file", c.frontProxy.certFile),
		flag("root-ca-file", c.ca.certFile),
		flag("service-account-private-key-file", c.path("pki/sa.key")),
		flag("service-cluster-ip-range", serviceRange),
		flag("use-service-account-credentials", true),
	)
}

func (c *cluster) startScheduler() *process {
	c.t.Helper()
	config := c.configs["system:kube-scheduler"]
	return c.start("kube-scheduler",
		flag("authentication-kubeconfig", config),
		flag("authorization-kubeconfig", config),
		flag("bind-address", "127.0.0.1"),
		flag("kubeconfig", config),
		flag("leader-elect", true),
	)
}

func (c *cluster) startProxy() *process {
	c.t.Helper()
	write(c.t, c.path("kube-proxy.yaml"), strings.NewReplacer("KUBECONFIG", c.configs["system:kube-proxy"], "RANGE", podRange).Replace(proxyConfig))
	return c.start("kube-proxy", flag("config", c.path("kube-proxy.yaml")), flag("hostname-override", nodeName))
}

const proxyConfig = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
bindAddress: 0.0.0.0
bindAddressHardFail: false
clientConnection:
  acceptContentTypes: ""
  burst: 0
  contentType: ""
  kubeconfig: KUBECONFIG
  qps: 0
clusterCIDR: RANGE
configSyncPeriod: 0s
conntrack:
  maxPerCore: null
  min: null
  tcpBeLiberal: false
  tcpCloseWaitTimeout: null
  tcpEstablishedTimeout: null
  udpStreamTimeout: 0s
  udpTimeout: 0s
detectLocal:
  bridgeInterface: ""
  interfaceNamePrefix: ""
detectLocalMode: ""
enableProfiling: false
healthzBindAddress: ""
hostnameOverride: ""
logging:
  flushFrequency: 0
  options:
    json: {infoBufferSize: "0"}
    text: {infoBufferSize: "0"}
  verbosity: 0
metricsBindAddress: ""
mode: nftables
nftables:
  masqueradeAll: false
  masqueradeBit: null
  minSyncPeriod: 0s
  syncPeriod: 0s
nodePortAddresses: null
oomScoreAdj: null
portRange: ""
showHiddenMetricsForVersion: ""
`

func (c *cluster) startKubelet() *process {
	c.t.Helper()
	write(c.t, c.path("kubelet.yaml"), strings.NewReplacer(
		"CLIENT_CA", c.ca.certFile, "SOCKET", c.path("containerd.sock"), "CGROUP", c.cgroup, "DIR", c.dir,
	).Replace(kubeletConfig))
	return c.start("kubelet",
		flag("bootstrap-kubeconfig", c.path("bootstrap-kubelet.conf")),
		flag("kubeconfig", c.path("kubelet.conf")),
		flag("config", c.path("kubelet.yaml")),
		flag("hostname-override", nodeName),
		flag("node-ip", nodeIP),
		flag("root-dir", c.path("kubelet")),
		flag("cert-dir", c.path("kubelet/pki")),
	)
}

const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {cacheTTL: 0s, enabled: true}
  x509: {clientCAFile: CLIENT_CA}
authorization:
  mode: Webhook
  webhook: {cacheAuthorizedTTL: 0s, cacheUnauthorizedTTL: 0s}
cgroupDriver: cgroupfs
cgroupRoot: CGROUP
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://SOCKET
cpuManagerReconcilePeriod: 0s
crashLoopBackOff: {}
evictionPressureTransitionPeriod: 0s
failCgroupV1: false
fileCheckFrequency: 0s
healthzBindAddress: 127.0.0.1
healthzPort: 10248
httpCheckFrequency: 0s
imageMaximumGCAge: 0s
imageMinimumGCAge: 0s
logging:
  flushFrequency: 0
  options:
    json: {infoBufferSize: "0"}
    text: {infoBufferSize: "0"}
  verbosity: 0
memorySwap: {}
nodeStatusReportFrequency: 0s
nodeStatusUpdateFrequency: 0s
podLogsDir: DIR/pods
resolvConf: ""
rotateCertificates: true
serverTLSBootstrap: true
runtimeRequestTimeout: 0s
shutdownGracePeriod: 0s
shutdownGracePeriodCriticalPods: 0s
staticPodPath: DIR/manifests
streamingConnectionIdleTimeout: 0s
syncFrequency: 0s
volumeStatsAggPeriod: 0s
`
