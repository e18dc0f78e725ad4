package nftables

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/knftables"
)

// Options choose the fixed rules. They do not change while a Table exists.
type Options struct {
	// Name is that of the tables; empty: TableName. Two proxies in one network namespace, for two clusters, need two.
	Name string
	// MasqueradeAll replaces the source of all connections to cluster addresses.
	MasqueradeAll bool
	// DetectLocal tells pods on this node from everybody else.
	DetectLocal DetectLocal
}

func (o Options) tableName() string { return cmp.Or(o.Name, TableName) }

// DetectLocal says how a packet from a pod is known. At most one field is set; if
// none is, nobody is known to be a pod and cluster addresses see real sources.
type DetectLocal struct {
	// ByPrefix: the source lies in one of the prefixes given to SetPodSources.
	ByPrefix bool
	// Bridge is the interface that pods are attached to.
	Bridge string
	// InterfacePrefix starts the names of the pods' interfaces.
	InterfacePrefix string
}

func (d DetectLocal) isPod(w words) string {
	switch {
	case d.ByPrefix:
		return w.ip + " saddr @" + podSources
	case d.Bridge != "":
		return `iifname "` + d.Bridge + `"`
	case d.InterfacePrefix != "":
		return `iifname "` + d.InterfacePrefix + `*"`
	}
	return ""
}

// foreignSources are the matches, in postrouting, of those who get the node's address
// as source when they connect to a cluster address.
func (o Options) foreignSources(w words) []string {
	notPod := ""
	switch d := o.DetectLocal; {
	case o.MasqueradeAll:
		return []string{""}
	case d.ByPrefix:
		return []string{w.ip + " saddr != @" + podSources + " "}
	case d.Bridge != "":
		notPod = `iifname != "` + d.Bridge + `" `
	case d.InterfacePrefix != "":
		notPod = `iifname != "` + d.InterfacePrefix + `*" `
	default:
		return nil
	}
	// The node's own packets came in at no interface. So, here, did those between two
	// pods of one bridge, which are not foreign.
	return []string{"fib saddr type local ", "iif != 0 " + notPod}
}

func nftFamily(family corev1.IPFamily) knftables.Family {
	if family == corev1.IPv6Protocol {
		return knftables.IPv6Family
	}
	return knftables.IPv4Family
}
