package runtime

import (
	"net"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// ServiceEnv computes the variables by which containers find services: NAME_SERVICE_HOST and the forms that Docker links
// had. Services come from the pod's namespace, and "kubernetes" of the default namespace always.
func ServiceEnv(pod *v1.Pod, services []*v1.Service) map[string]string {
	links := pod.Spec.EnableServiceLinks == nil || *pod.Spec.EnableServiceLinks
	chosen := map[string]*v1.Service{}
	for _, s := range services {
		if s.Spec.ClusterIP == "" || s.Spec.ClusterIP == v1.ClusterIPNone || len(s.Spec.Ports) == 0 {
			continue
		}
		switch {
		case s.Namespace == pod.Namespace && links:
			chosen[s.Name] = s
		case s.Namespace == v1.NamespaceDefault && s.Name == "kubernetes":
			if _, taken := chosen[s.Name]; !taken {
				chosen[s.Name] = s
			}
		}
	}
	env := map[string]string{}
	for _, s := range chosen {
		addServiceEnv(env, s)
	}
	return env
}

func addServiceEnv(env map[string]string, s *v1.Service) {
	prefix := envName(s.Name)
	ip := s.Spec.ClusterIP
	first := s.Spec.Ports[0]
	env[prefix+"_SERVICE_HOST"] = ip
	env[prefix+"_SERVICE_PORT"] = strconv.Itoa(int(first.Port))
	env[prefix+"_PORT"] = link(first, ip)
	for _, p := range s.Spec.Ports {
		if p.Name != "" {
			env[prefix+"_SERVICE_PORT_"+envName(p.Name)] = strconv.Itoa(int(p.Port))
		}
		proto := protocol(p)
		portPrefix := prefix + "_PORT_" + strconv.Itoa(int(p.Port)) + "_" + proto
		env[portPrefix] = link(p, ip)
		env[portPrefix+"_PROTO"] = strings.ToLower(proto)
		env[portPrefix+"_PORT"] = strconv.Itoa(int(p.Port))
		env[portPrefix+"_ADDR"] = ip
	}
}

func link(p v1.ServicePort, ip string) string {
	return strings.ToLower(protocol(p)) + "://" + net.JoinHostPort(ip, strconv.Itoa(int(p.Port)))
}

func protocol(p v1.ServicePort) string {
	if p.Protocol == "" {
		return string(v1.ProtocolTCP)
	}
	return string(p.Protocol)
}

func envName(s string) string { return strings.ToUpper(strings.ReplaceAll(s, "-", "_")) }
