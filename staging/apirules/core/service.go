package core

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// maxServiceAffinitySeconds is one day.
const maxServiceAffinitySeconds = 86400

// ValidateService reports faults of a new service. Whether addresses and node ports are of the cluster's ranges is for
// their allocators to say.
func ValidateService(svc *v1.Service) field.ErrorList {
	return validateService(svc, nil)
}

// validateService takes the stored service, whose name and addresses may be of older rules.
func validateService(svc, old *v1.Service) field.ErrorList {
	nameRule := meta.LabelName // RelaxedServiceNameValidation, on since 1.36
	if old != nil {
		nameRule = func(string, bool) []string { return nil } // names do not change
	}
	errs := meta.Namespaced(&svc.ObjectMeta, nameRule)
	p, s := field.NewPath("spec"), &svc.Spec
	errs = append(errs, topologyMode(svc, field.NewPath("metadata", "annotations"))...)
	if len(s.Ports) == 0 && !headless(s) && s.Type != v1.ServiceTypeExternalName {
		errs = append(errs, field.Required(p.Child("ports"), ""))
	}
	errs = append(errs, meta.OneOf(s.Type, p.Child("type"),
		v1.ServiceTypeClusterIP, v1.ServiceTypeExternalName, v1.ServiceTypeLoadBalancer, v1.ServiceTypeNodePort)...)
	errs = append(errs, serviceOfType(s, p)...)
	errs = append(errs, servicePorts(s, p.Child("ports"))...)
	errs = append(errs, metavalidation.ValidateLabels(s.Selector, p.Child("selector"))...)
	errs = append(errs, sessionAffinity(s, p)...)
	errs = append(errs, serviceAddresses(s, old, p)...)
	errs = append(errs, sourceRanges(svc, old, p)...)
	errs = append(errs, loadBalancerFields(s, p)...)
	errs = append(errs, trafficPolicies(s, p)...)
	return append(errs, clusterIPRules(svc, old)...)
}

func headless(s *v1.ServiceSpec) bool {
	return s.ClusterIP == v1.ClusterIPNone || len(s.ClusterIPs) == 1 && s.ClusterIPs[0] == v1.ClusterIPNone
}

// topologyMode wants both names of the annotation to agree.
func topologyMode(svc *v1.Service, p *field.Path) field.ErrorList {
	hints, ok := svc.Annotations[v1.DeprecatedAnnotationTopologyAwareHints]
	mode, okMode := svc.Annotations[v1.AnnotationTopologyMode]
	if ok && okMode && hints != mode {
		return field.ErrorList{field.Invalid(p.Key(v1.AnnotationTopologyMode), mode,
			fmt.Sprintf("must match annotations[%s] when both are specified", v1.DeprecatedAnnotationTopologyAwareHints))}
	}
	return nil
}

func serviceOfType(s *v1.ServiceSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch s.Type {
	case v1.ServiceTypeLoadBalancer:
		if headless(s) {
			errs = append(errs, field.Invalid(p.Child("clusterIPs").Index(0), v1.ClusterIPNone, "may not be set to 'None' for LoadBalancer services"))
		}
	case v1.ServiceTypeNodePort:
		if headless(s) {
			errs = append(errs, field.Invalid(p.Child("clusterIPs").Index(0), v1.ClusterIPNone, "may not be set to 'None' for NodePort services"))
		}
	case v1.ServiceTypeExternalName:
		errs = append(errs, externalName(s, p)...)
	}
	return errs
}

// externalName leaves no room for the fields of the other types.
func externalName(s *v1.ServiceSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	forbid := func(set bool, name string) {
		if set {
			errs = append(errs, field.Forbidden(p.Child(name), "may not be set for ExternalName services"))
		}
	}
	forbid(len(s.ClusterIPs) > 0, "clusterIPs")
	forbid(len(s.IPFamilies) > 0, "ipFamilies")
	forbid(s.IPFamilyPolicy != nil, "ipFamilyPolicy")
	name := strings.TrimSuffix(s.ExternalName, ".")
	if name == "" {
		return append(errs, field.Required(p.Child("externalName"), ""))
	}
	return append(errs, meta.Invalid(s.ExternalName, p.Child("externalName"), validation.IsDNS1123Subdomain(name))...)
}

type protocolPort struct {
	protocol v1.Protocol
	port     int32
}

func servicePorts(s *v1.ServiceSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	names, ports, nodePorts := sets.New[string](), map[protocolPort]bool{}, map[protocolPort]bool{}
	for i := range s.Ports {
		port, pp := &s.Ports[i], p.Index(i)
		errs = append(errs, servicePort(port, len(s.Ports) > 1, names, pp)...)
		if port.NodePort != 0 {
			key := protocolPort{port.Protocol, port.NodePort}
			if s.Type == v1.ServiceTypeClusterIP {
				errs = append(errs, field.Forbidden(pp.Child("nodePort"), "may not be used when `type` is 'ClusterIP'"))
			}
			if nodePorts[key] {
				errs = append(errs, field.Duplicate(pp.Child("nodePort"), port.NodePort))
			}
			nodePorts[key] = true
		}
		key := protocolPort{port.Protocol, port.Port}
		if ports[key] {
			errs = append(errs, field.Duplicate(pp, v1.ServicePort{Protocol: port.Protocol, Port: port.Port}))
		}
		ports[key] = true
	}
	return errs
}

func servicePort(port *v1.ServicePort, wantName bool, names sets.Set[string], p *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case port.Name == "" && wantName:
		errs = append(errs, field.Required(p.Child("name"), ""))
	case port.Name != "":
		errs = append(errs, meta.DNSLabel(port.Name, p.Child("name"))...)
		if names.Has(port.Name) {
			errs = append(errs, duplicateName(p, port.Name))
		}
		names.Insert(port.Name)
	}
	errs = append(errs, meta.Invalid(port.Port, p.Child("port"), validation.IsValidPortNum(int(port.Port)))...)
	errs = append(errs, meta.OneOf(port.Protocol, p.Child("protocol"), protocols...)...)
	errs = append(errs, meta.PortNumOrName(port.TargetPort, p.Child("targetPort"))...)
	if port.AppProtocol != nil {
		errs = append(errs, meta.QualifiedName(*port.AppProtocol, p.Child("appProtocol"))...)
	}
	return errs
}

func sessionAffinity(s *v1.ServiceSpec, p *field.Path) field.ErrorList {
	errs := meta.OneOf(s.SessionAffinity, p.Child("sessionAffinity"), v1.ServiceAffinityClientIP, v1.ServiceAffinityNone)
	cp := p.Child("sessionAffinityConfig")
	switch s.SessionAffinity {
	case v1.ServiceAffinityNone:
		if s.SessionAffinityConfig != nil {
			errs = append(errs, field.Forbidden(cp, fmt.Sprintf("must not be set when session affinity is %s", v1.ServiceAffinityNone)))
		}
	case v1.ServiceAffinityClientIP:
		c := s.SessionAffinityConfig
		if c == nil || c.ClientIP == nil || c.ClientIP.TimeoutSeconds == nil {
			return append(errs, field.Required(cp, fmt.Sprintf("when session affinity is %s", v1.ServiceAffinityClientIP)))
		}
		if t := *c.ClientIP.TimeoutSeconds; t <= 0 || t > maxServiceAffinitySeconds {
			errs = append(errs, field.Invalid(cp.Child("clientIP", "timeoutSeconds"), t, fmt.Sprintf("must be greater than 0 and less than %d", maxServiceAffinitySeconds)))
		}
	}
	return errs
}

// serviceAddresses rules the addresses that users choose.
func serviceAddresses(s *v1.ServiceSpec, old *v1.Service, p *field.Path) field.ErrorList {
	var was []string
	if old != nil {
		was = old.Spec.ExternalIPs
	}
	var errs field.ErrorList
	for i, ip := range s.ExternalIPs {
		ep := p.Child("externalIPs").Index(i)
		if faults := validation.IsValidIPForLegacyField(ep, ip, true, was); len(faults) > 0 {
			errs = append(errs, faults...)
			continue
		}
		errs = append(errs, nonSpecialIP(ip, ep)...)
	}
	return errs
}

// sourceRanges rules who may use a load balancer, by the field or by the annotation that it replaced.
func sourceRanges(svc, old *v1.Service, p *field.Path) field.ErrorList {
	ranges, rp := svc.Spec.LoadBalancerSourceRanges, p.Child("loadBalancerSourceRanges")
	var was []string
	if old != nil {
		for _, r := range old.Spec.LoadBalancerSourceRanges {
			was = append(was, strings.TrimSpace(r))
		}
	}
	if len(ranges) > 0 {
		if svc.Spec.Type != v1.ServiceTypeLoadBalancer {
			return field.ErrorList{field.Forbidden(rp, "may only be used when `type` is 'LoadBalancer'")}
		}
		var errs field.ErrorList
		for i, r := range ranges {
			errs = append(errs, validation.IsValidCIDRForLegacyField(rp.Index(i), strings.TrimSpace(r), true, was)...)
		}
		return errs
	}
	value, ok := svc.Annotations[v1.AnnotationLoadBalancerSourceRangesKey]
	if !ok {
		return nil
	}
	ap := field.NewPath("metadata", "annotations").Key(v1.AnnotationLoadBalancerSourceRangesKey)
	if svc.Spec.Type != v1.ServiceTypeLoadBalancer {
		return field.ErrorList{field.Forbidden(ap, "may only be used when `type` is 'LoadBalancer'")}
	}
	if unchanged := old != nil && old.Annotations[v1.AnnotationLoadBalancerSourceRangesKey] == value; unchanged || strings.TrimSpace(value) == "" {
		return nil
	}
	var errs field.ErrorList
	for _, r := range strings.Split(value, ",") {
		if len(validation.IsValidCIDRForLegacyField(ap, strings.TrimSpace(r), true, nil)) > 0 {
			errs = append(errs, field.Invalid(ap, value, "must be a comma separated list of CIDRs e.g. 192.168.0.0/16,10.0.0.0/8"))
			break
		}
	}
	return errs
}

func loadBalancerFields(s *v1.ServiceSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	const only = "may only be used when `type` is 'LoadBalancer'"
	isLB := s.Type == v1.ServiceTypeLoadBalancer
	if isLB && s.AllocateLoadBalancerNodePorts == nil {
		errs = append(errs, field.Required(p.Child("allocateLoadBalancerNodePorts"), ""))
	}
	if !isLB && s.AllocateLoadBalancerNodePorts != nil {
		errs = append(errs, field.Forbidden(p.Child("allocateLoadBalancerNodePorts"), only))
	}
	if s.LoadBalancerClass != nil {
		if !isLB {
			errs = append(errs, field.Forbidden(p.Child("loadBalancerClass"), only))
		}
		errs = append(errs, meta.QualifiedName(*s.LoadBalancerClass, p.Child("loadBalancerClass"))...)
	}
	return errs
}

func trafficPolicies(s *v1.ServiceSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	ep := p.Child("externalTrafficPolicy")
	switch policy := s.ExternalTrafficPolicy; {
	case !externallyAccessible(s) && policy != "":
		errs = append(errs, field.Invalid(ep, policy, "may only be set for externally-accessible services"))
	case externallyAccessible(s) && policy == "":
		errs = append(errs, field.Required(ep, ""))
	case policy != "":
		errs = append(errs, meta.In(policy, ep, v1.ServiceExternalTrafficPolicyCluster, v1.ServiceExternalTrafficPolicyLocal)...)
	}
	hp := p.Child("healthCheckNodePort")
	if n := s.HealthCheckNodePort; n != 0 && !needsHealthCheckNodePort(s) {
		errs = append(errs, field.Invalid(hp, n, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
	} else if n < 0 {
		errs = append(errs, field.Invalid(hp, n, "must be greater than or equal to 0"))
	}
	ip := p.Child("internalTrafficPolicy")
	if s.InternalTrafficPolicy == nil {
		if s.Type == v1.ServiceTypeNodePort || s.Type == v1.ServiceTypeLoadBalancer || s.Type == v1.ServiceTypeClusterIP {
			errs = append(errs, field.Required(ip, ""))
		}
	} else {
		errs = append(errs, meta.In(*s.InternalTrafficPolicy, ip, v1.ServiceInternalTrafficPolicyCluster, v1.ServiceInternalTrafficPolicyLocal)...)
	}
	if d := s.TrafficDistribution; d != nil {
		errs = append(errs, meta.In(*d, p.Child("trafficDistribution"), v1.ServiceTrafficDistributionPreferClose,
			v1.ServiceTrafficDistributionPreferSameZone, v1.ServiceTrafficDistributionPreferSameNode)...)
	}
	return errs
}

// ValidateServiceUpdate reports faults of a service that is to replace old, and changes that need another service.
func ValidateServiceUpdate(newSvc, old *v1.Service) field.ErrorList {
	errs := meta.Update(&newSvc.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, clusterIPsUpdate(newSvc, old)...)
	errs = append(errs, ipFamiliesUpdate(newSvc, old)...)
	if needsHealthCheckNodePort(&old.Spec) && needsHealthCheckNodePort(&newSvc.Spec) && newSvc.Spec.HealthCheckNodePort != old.Spec.HealthCheckNodePort {
		errs = append(errs, field.Forbidden(field.NewPath("spec", "healthCheckNodePort"), "field is immutable"))
	}
	errs = append(errs, loadBalancerClassUpdate(newSvc, old)...)
	return append(errs, validateService(newSvc, old)...)
}

// loadBalancerClassUpdate lets the class change only together with the type.
func loadBalancerClassUpdate(newSvc, old *v1.Service) field.ErrorList {
	if old.Spec.Type != v1.ServiceTypeLoadBalancer || newSvc.Spec.Type != v1.ServiceTypeLoadBalancer ||
		ptr.Equal(newSvc.Spec.LoadBalancerClass, old.Spec.LoadBalancerClass) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("spec", "loadBalancerClass"), newSvc.Spec.LoadBalancerClass, "may not change once set")}
}

// ValidateServiceStatusUpdate rules what controllers of load balancers report.
func ValidateServiceStatusUpdate(newSvc, old *v1.Service) field.ErrorList {
	errs := meta.Update(&newSvc.ObjectMeta, &old.ObjectMeta)
	p := field.NewPath("status")
	lb := newSvc.Status.LoadBalancer
	ip := p.Child("loadBalancer", "ingress")
	if newSvc.Spec.Type != v1.ServiceTypeLoadBalancer && len(lb.Ingress) > 0 && !apiequality.Semantic.DeepEqual(lb, old.Status.LoadBalancer) {
		errs = append(errs, field.Forbidden(ip, "may only be used when `spec.type` is \"LoadBalancer\""))
	}
	var wasIPs []string
	for _, in := range old.Status.LoadBalancer.Ingress {
		wasIPs = append(wasIPs, in.IP)
	}
	for i := range lb.Ingress {
		errs = append(errs, ingress(&lb.Ingress[i], wasIPs, ip.Index(i))...)
	}
	return errs
}

func ingress(in *v1.LoadBalancerIngress, was []string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if in.IP != "" {
		errs = append(errs, validation.IsValidIPForLegacyField(p.Child("ip"), in.IP, true, was)...)
	}
	switch {
	case in.IP != "" && in.IPMode == nil:
		errs = append(errs, field.Required(p.Child("ipMode"), "must be specified when `ip` is set"))
	case in.IP == "" && in.IPMode != nil:
		errs = append(errs, field.Forbidden(p.Child("ipMode"), "may not be specified when `ip` is not set"))
	case in.IPMode != nil:
		errs = append(errs, meta.In(*in.IPMode, p.Child("ipMode"), v1.LoadBalancerIPModeProxy, v1.LoadBalancerIPModeVIP)...)
	}
	if in.Hostname == "" {
		return errs
	}
	errs = append(errs, meta.Invalid(in.Hostname, p.Child("hostname"), validation.IsDNS1123Subdomain(in.Hostname))...)
	if len(validation.IsValidIP(nil, in.Hostname)) == 0 {
		errs = append(errs, field.Invalid(p.Child("hostname"), in.Hostname, "must be a DNS name, not an IP address"))
	}
	return errs
}
