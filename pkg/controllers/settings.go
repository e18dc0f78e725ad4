package controllers

import (
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Settings are what controllers are told from outside, beside their dependencies. Defaults are those of
// DefaultSettings.
type Settings struct {
	// RootCA is the PEM bundle that is published in each namespace; empty means that it is not.
	RootCA []byte
	// ServiceAccountKey is the private key in PEM that signs the tokens in Secrets; empty means that none are made.
	ServiceAccountKey []byte
	// ClusterCIDRs are the ranges of pod addresses, one of each family at most. Nodes get parts of them when
	// AllocateNodeCIDRs is set.
	ClusterCIDRs []netip.Prefix
	// ServiceCIDRs are the ranges of service addresses, which are not given to nodes.
	ServiceCIDRs []netip.Prefix
	// AllocateNodeCIDRs switches node-ipam-controller on.
	AllocateNodeCIDRs bool
	// NodeCIDRMaskSizes are the prefix lengths of a node's parts for IPv4 and IPv6.
	NodeCIDRMaskSizeIPv4, NodeCIDRMaskSizeIPv6 int
	// Workers is how many keys a controller handles at the same time, by controller name; others take their default.
	Workers map[string]int
	// Node are the settings of node-lifecycle-controller.
	Node NodeSettings
	// Signing are the certificate authorities of certificate signing requests, by signer name. Signers without one
	// are not served.
	Signing map[string]Authority
	// SigningDuration is the longest validity of a signed certificate.
	SigningDuration time.Duration
	// TerminatedPods is how many ended pods may stay; 0 and less mean any number.
	TerminatedPods int
	// Shared are resources whose typed informers the process has anyhow, so that the garbage collector uses them too.
	// The manager adds those that the selected controllers read.
	Shared []schema.GroupVersionResource
	// MaxEndpointsPerSlice bounds the endpoints of one EndpointSlice.
	MaxEndpointsPerSlice int32
	// LegacyTokenPeriod is how long a token in a Secret may go unused before it is invalid, and then may stay.
	LegacyTokenPeriod time.Duration
}

// NodeSettings say when a node counts as lost, and how fast pods are driven away.
type NodeSettings struct {
	// MonitorGrace is how long a node may be silent.
	MonitorGrace time.Duration
	// StartupGrace is how long a node that has never spoken may be silent.
	StartupGrace time.Duration
	// EvictionRate is how many nodes a second are tainted in a healthy zone, SecondaryEvictionRate in an unhealthy one.
	EvictionRate, SecondaryEvictionRate float32
	// LargeZone is the number of nodes above which SecondaryEvictionRate applies; in smaller unhealthy zones tainting
	// stops.
	LargeZone int
	// UnhealthyZone is the share of lost nodes above which a zone is unhealthy.
	UnhealthyZone float32
}

// Authority is a certificate authority.
type Authority struct {
	// CertPEM is its certificate, KeyPEM its private key.
	CertPEM, KeyPEM []byte
}

// DefaultSettings are upstream's defaults.
func DefaultSettings() Settings {
	return Settings{
		NodeCIDRMaskSizeIPv4: 24,
		NodeCIDRMaskSizeIPv6: 64,
		Node: NodeSettings{
			MonitorGrace: 50 * time.Second, StartupGrace: time.Minute,
			EvictionRate: 0.1, SecondaryEvictionRate: 0.01, LargeZone: 50, UnhealthyZone: 0.55,
		},
		SigningDuration:      365 * 24 * time.Hour,
		TerminatedPods:       12500,
		MaxEndpointsPerSlice: 100,
		LegacyTokenPeriod:    365 * 24 * time.Hour,
	}
}
