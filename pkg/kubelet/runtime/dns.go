package runtime

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// DNS is what the node offers pods for name resolution.
type DNS struct {
	// Servers and Domain are the cluster's. Without servers ClusterFirst falls back to Default.
	Servers []string
	Domain  string
	// ResolvConf is the node's file; empty means none, so that Default pods get an empty configuration.
	ResolvConf string
}

// Limits of what a resolver reads (glibc 2.26 and later): three servers, 32 search domains, 2048 characters of them.
const (
	maxNameservers  = 3
	maxSearches     = 32
	maxSearchLength = 2048
)

// ReadResolvConf reads the node's resolver file. An empty path is an empty configuration.
func ReadResolvConf(path string) (*runtimeapi.DNSConfig, error) {
	if path == "" {
		return &runtimeapi.DNSConfig{}, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read resolver configuration: %w", err)
	}
	return parseResolvConf(string(text)), nil
}

// parseResolvConf keeps nameserver, the last search line, and options (resolv.conf(5)).
func parseResolvConf(text string) *runtimeapi.DNSConfig {
	conf := &runtimeapi.DNSConfig{}
	for line := range strings.Lines(text) {
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			if len(fields) >= 2 {
				conf.Servers = append(conf.Servers, fields[1])
			}
		case "search":
			conf.Searches = nil
			for _, s := range fields[1:] {
				if s != "." {
					s = strings.TrimSuffix(s, ".")
				}
				conf.Searches = append(conf.Searches, s)
			}
		case "options":
			conf.Options = append(conf.Options, fields[1:]...)
		}
	}
	return conf
}

// DNSConfig computes the resolver configuration of a pod from its policy, the cluster's servers and the node's file.
// problem is not empty when the pod gets less than it asked for; it is worth an event.
func DNSConfig(pod *v1.Pod, dns DNS, host *runtimeapi.DNSConfig) (conf *runtimeapi.DNSConfig, problem string) {
	policy := pod.Spec.DNSPolicy
	if policy == v1.DNSClusterFirst && pod.Spec.HostNetwork {
		policy = v1.DNSDefault
	}
	if policy == v1.DNSClusterFirstWithHostNet {
		policy = v1.DNSClusterFirst
	}
	if policy == v1.DNSClusterFirst && len(dns.Servers) == 0 {
		problem = fmt.Sprintf("pod: %q. kubelet does not have ClusterDNS IP configured and cannot create Pod using %q policy. Falling back to %q policy.",
			pod.Namespace+"/"+pod.Name, pod.Spec.DNSPolicy, v1.DNSDefault)
		policy = v1.DNSDefault
	}
	conf = &runtimeapi.DNSConfig{}
	switch policy {
	case v1.DNSNone:
	case v1.DNSClusterFirst:
		conf.Servers = append(conf.Servers, dns.Servers...)
		conf.Searches = append(clusterSearches(pod.Namespace, dns.Domain), host.Searches...)
		conf.Options = []string{"ndots:5"}
	default:
		conf.Servers = append(conf.Servers, host.Servers...)
		conf.Searches = append(conf.Searches, host.Searches...)
		conf.Options = append(conf.Options, host.Options...)
	}
	mergeDNS(conf, pod.Spec.DNSConfig)
	if trimmed := trimDNS(conf); trimmed != "" {
		problem = trimmed
	}
	return conf, problem
}

func clusterSearches(namespace, domain string) []string {
	if domain == "" {
		return nil
	}
	return []string{namespace + ".svc." + domain, "svc." + domain, domain}
}

func mergeDNS(conf *runtimeapi.DNSConfig, extra *v1.PodDNSConfig) {
	if extra == nil {
		return
	}
	conf.Servers = appendNew(conf.Servers, extra.Nameservers)
	conf.Searches = appendNew(conf.Searches, extra.Searches)
	for _, o := range extra.Options {
		option := o.Name
		if o.Value != nil && *o.Value != "" {
			option += ":" + *o.Value
		}
		conf.Options = replaceOption(conf.Options, o.Name, option)
	}
}

// replaceOption lets the pod's own value of an option win.
func replaceOption(options []string, name, option string) []string {
	for i, have := range options {
		if key, _, _ := strings.Cut(have, ":"); key == name {
			options[i] = option
			return options
		}
	}
	return append(options, option)
}

func appendNew(list, more []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range append(append([]string{}, list...), more...) {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// trimDNS cuts to what resolvers read and says so.
func trimDNS(conf *runtimeapi.DNSConfig) string {
	var problems []string
	valid := conf.Servers[:0:0]
	for _, s := range conf.Servers {
		if _, err := netip.ParseAddr(s); err == nil {
			valid = append(valid, s)
		} else {
			problems = append(problems, fmt.Sprintf("nameserver %q is not an address", s))
		}
	}
	conf.Servers = valid
	if len(conf.Servers) > maxNameservers {
		conf.Servers = conf.Servers[:maxNameservers]
		problems = append(problems, "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: "+strings.Join(conf.Servers, " "))
	}
	searches := conf.Searches
	if len(searches) > maxSearches {
		searches = searches[:maxSearches]
	}
	for len(strings.Join(searches, " ")) > maxSearchLength {
		searches = searches[:len(searches)-1]
	}
	if len(searches) < len(conf.Searches) {
		conf.Searches = searches
		problems = append(problems, "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: "+strings.Join(searches, " "))
	}
	return strings.Join(problems, "; ")
}
