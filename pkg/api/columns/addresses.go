package columns

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Addresses joins the IP addresses, or else host names, of a load balancer: each once, sorted.
func Addresses[I any](ingress []I, address func(I) (ip, hostname string)) string {
	var all []string
	for _, i := range ingress {
		ip, hostname := address(i)
		if a := Or(ip, hostname); a != "" {
			all = append(all, a)
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}

// AccessModes shows the access modes of a volume in short, each once and always in the same order.
func AccessModes(modes []corev1.PersistentVolumeAccessMode) string {
	var short []string
	for _, m := range []struct {
		mode corev1.PersistentVolumeAccessMode
		name string
	}{
		{corev1.ReadWriteOnce, "RWO"}, {corev1.ReadOnlyMany, "ROX"}, {corev1.ReadWriteMany, "RWX"}, {corev1.ReadWriteOncePod, "RWOP"},
	} {
		if slices.Contains(modes, m.mode) {
			short = append(short, m.name)
		}
	}
	return strings.Join(short, ",")
}
