package pki

import (
	"bytes"
	"crypto/x509"
	"net"
	"slices"
	"time"
)

// The names of what is in a Set.
const (
	CA                     = "ca"
	FrontProxyCA           = "front-proxy-ca"
	APIServer              = "apiserver"
	APIServerKubeletClient = "apiserver-kubelet-client"
	FrontProxyClient       = "front-proxy-client"
	Admin                  = "admin"
	ControllerManager      = "controller-manager"
	Scheduler              = "scheduler"
	Proxy                  = "proxy"
	Kubelet                = "kubelet"
	KubeletServer          = "kubelet-server"
)

// leaf is what a certificate must say.
type leaf struct {
	name, authority string
	commonName      string
	organizations   []string
	usage           x509.ExtKeyUsage
	names           []string
	ips             []net.IP
}

// leaves is the list of all certificates of the control plane. The names and groups are those that the default RBAC rules
// know.
func leaves(cfg Config) []leaf {
	server, client := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
	serverNames := append([]string{
		"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + cfg.DNSDomain, cfg.NodeName,
	}, cfg.ServerNames...)
	serverIPs := append([]net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, cfg.ServerIPs...)
	return []leaf{
		{name: APIServer, authority: CA, commonName: "kube-apiserver", usage: server, names: unique(serverNames), ips: serverIPs},
		{name: APIServerKubeletClient, authority: CA, commonName: "kube-apiserver-kubelet-client", organizations: []string{"system:masters"}, usage: client},
		{name: FrontProxyClient, authority: FrontProxyCA, commonName: "front-proxy-client", usage: client},
		{name: Admin, authority: CA, commonName: "kubernetes-admin", organizations: []string{"system:masters"}, usage: client},
		{name: ControllerManager, authority: CA, commonName: "system:kube-controller-manager", usage: client},
		{name: Scheduler, authority: CA, commonName: "system:kube-scheduler", usage: client},
	}
}

// nodeLeaves is the list of the certificates of a node.
func nodeLeaves(name string, ips []net.IP) []leaf {
	server, client := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
	return []leaf{
		{name: Proxy, authority: CA, commonName: "system:kube-proxy", usage: client},
		{name: Kubelet, authority: CA, commonName: "system:node:" + name, organizations: []string{"system:nodes"}, usage: client},
		{name: KubeletServer, authority: CA, commonName: "system:node:" + name, organizations: []string{"system:nodes"}, usage: server,
			names: []string{name}, ips: append([]net.IP{net.IPv4(127, 0, 0, 1)}, ips...)},
	}
}

func unique(names []string) []string {
	var kept []string
	for _, name := range names {
		if !slices.Contains(kept, name) {
			kept = append(kept, name)
		}
	}
	return kept
}

// unfit says why a certificate must be made anew; empty means that it is fit.
func (l leaf) unfit(cert, issuer *x509.Certificate, now time.Time) string {
	switch {
	case now.Before(cert.NotBefore):
		return "not valid yet"
	case !now.Before(renewAt(cert)):
		return "near its end"
	case cert.CheckSignatureFrom(issuer) != nil || !bytes.Equal(cert.RawIssuer, issuer.RawSubject):
		return "issued by another authority"
	case cert.Subject.CommonName != l.commonName || !slices.Equal(cert.Subject.Organization, l.organizations):
		return "for another subject"
	case !slices.Equal(cert.ExtKeyUsage, []x509.ExtKeyUsage{l.usage}):
		return "for another use"
	case !slices.Equal(cert.DNSNames, l.names) || !slices.EqualFunc(cert.IPAddresses, l.ips, net.IP.Equal):
		return "for other names"
	}
	return ""
}
