// Package options is the command line and configuration file of kube-proxy.
//
// In come flags (upstream's names and defaults) and a KubeProxyConfiguration file of
// kubeproxy.config.k8s.io/v1alpha1, which, as upstream has it, takes the place of all
// flags that it has a field for. Validate returns every fault. Run makes a proxy.Config
// of the values and runs the proxy, its health server and its metrics server.
//
// Only the nftables mode exists: a file or flag that asks for another one is a fault,
// and fields of other modes have no effect, of which a warning tells (settings.go). The package decides nothing about rules.
// options_test.go shows flags, files and faults as tables.
package options
