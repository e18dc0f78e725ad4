package upkeep

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// cidrFinalizer keeps a ServiceCIDR until no address of it is taken (KEP-1880).
const cidrFinalizer = "networking.k8s.io/service-cidr-finalizer"

// cidrGrace is how long a ServiceCIDR that nobody uses is kept after its deletion: some server may not know of the deletion
// yet and give an address from it.
const cidrGrace = 10 * time.Second

// keepServiceCIDRs makes the default ServiceCIDR, gives each the finalizer, and says whether it is ready. One that is deleted
// goes when all addresses in use are in others.
func (c *Config) keepServiceCIDRs(ctx context.Context) (again time.Duration, err error) {
	if err := c.ensureDefaultCIDR(ctx); err != nil {
		return 0, err
	}
	list, err := c.Client.NetworkingV1().ServiceCIDRs().List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, fmt.Errorf("list service CIDRs: %w", err)
	}
	var errs []error
	for i := range list.Items {
		cidr := &list.Items[i]
		if cidr.DeletionTimestamp == nil {
			errs = append(errs, c.welcome(ctx, cidr))
			continue
		}
		wait, err := c.dismiss(ctx, cidr, list.Items)
		errs = append(errs, err)
		if again == 0 || wait > 0 && wait < again {
			again = wait
		}
	}
	return again, errors.Join(errs...)
}

func (c *Config) ensureDefaultCIDR(ctx context.Context) error {
	var ranges []string
	for _, r := range c.ServiceRanges {
		ranges = append(ranges, r.String())
	}
	const name = "kubernetes"
	_, err := c.Client.NetworkingV1().ServiceCIDRs().Create(ctx, &networkingv1.ServiceCIDR{
		ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{cidrFinalizer}}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: ranges}}, metav1.CreateOptions{})
	return created("service CIDR", name, err)
}

// welcome makes a ServiceCIDR ready, once its finalizer guards it.
func (c *Config) welcome(ctx context.Context, cidr *networkingv1.ServiceCIDR) error {
	if !slices.Contains(cidr.Finalizers, cidrFinalizer) {
		cidr.Finalizers = append(cidr.Finalizers, cidrFinalizer)
		updated, err := c.Client.NetworkingV1().ServiceCIDRs().Update(ctx, cidr, metav1.UpdateOptions{})
		if err != nil {
			return fmt.Errorf("add finalizer to service CIDR %q: %w", cidr.Name, err)
		}
		cidr = updated
	}
	return c.setReady(ctx, cidr, metav1.Condition{Status: metav1.ConditionTrue, Reason: "Ready", Message: "Kubernetes Service CIDR is ready"})
}

// dismiss lets a deleted ServiceCIDR go, or says what holds it and when to look again.
func (c *Config) dismiss(ctx context.Context, cidr *networkingv1.ServiceCIDR, all []networkingv1.ServiceCIDR) (again time.Duration, err error) {
	if !slices.Contains(cidr.Finalizers, cidrFinalizer) {
		return 0, nil
	}
	if err := c.setReady(ctx, cidr, metav1.Condition{Status: metav1.ConditionFalse, Reason: networkingv1.ServiceCIDRReasonTerminating,
		Message: "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"}); err != nil {
		return 0, err
	}
	if left := cidr.DeletionTimestamp.Add(cidrGrace).Sub(c.Now()); left > 0 {
		return left, nil
	}
	used, err := c.used(ctx, cidr, all)
	if err != nil || used {
		return cidrGrace, err
	}
	// The status has been written with another version.
	now, err := c.Client.NetworkingV1().ServiceCIDRs().Get(ctx, cidr.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read service CIDR %q: %w", cidr.Name, err)
	}
	now.Finalizers = slices.DeleteFunc(now.Finalizers, func(f string) bool { return f == cidrFinalizer })
	if _, err := c.Client.NetworkingV1().ServiceCIDRs().Update(ctx, now, metav1.UpdateOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return 0, fmt.Errorf("remove finalizer of service CIDR %q: %w", cidr.Name, err)
	}
	return 0, nil
}

// used reports whether an address is taken that no other ServiceCIDR holds.
func (c *Config) used(ctx context.Context, cidr *networkingv1.ServiceCIDR, all []networkingv1.ServiceCIDR) (bool, error) {
	list, err := c.Client.NetworkingV1().IPAddresses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, fmt.Errorf("list IP addresses: %w", err)
	}
	others := slices.Clone(c.ServiceRanges)
	for i := range all {
		if all[i].Name != cidr.Name && all[i].DeletionTimestamp == nil {
			others = append(others, prefixes(&all[i])...)
		}
	}
	own := prefixes(cidr)
	contains := func(ranges []netip.Prefix, ip netip.Addr) bool {
		return slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(ip) })
	}
	for _, a := range list.Items {
		if ip, err := netip.ParseAddr(a.Name); err == nil && contains(own, ip) && !contains(others, ip) {
			return true, nil
		}
	}
	return false, nil
}

func prefixes(cidr *networkingv1.ServiceCIDR) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range cidr.Spec.CIDRs {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}

func (c *Config) setReady(ctx context.Context, cidr *networkingv1.ServiceCIDR, condition metav1.Condition) error {
	condition.Type, condition.ObservedGeneration = networkingv1.ServiceCIDRConditionReady, cidr.Generation
	if old := apimeta.FindStatusCondition(cidr.Status.Conditions, condition.Type); old != nil && old.Status == condition.Status && old.Reason == condition.Reason {
		return nil
	}
	condition.LastTransitionTime = metav1.NewTime(c.Now())
	apimeta.SetStatusCondition(&cidr.Status.Conditions, condition)
	if _, err := c.Client.NetworkingV1().ServiceCIDRs().UpdateStatus(ctx, cidr, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("write status of service CIDR %q: %w", cidr.Name, err)
	}
	return nil
}
