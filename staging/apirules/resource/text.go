package resource

import (
	"net/netip"
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// semverForm is that of semver.org, version 2.0.0.
var semverForm = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(-((0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?` +
	`(\+([0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*))?$`)

func semantic(version string) bool { return semverForm.MatchString(version) }

// cidr wants an address with the length of its network, in the canonical form: 192.0.2.5/24.
func cidr(s string, p *field.Path) field.ErrorList {
	prefix, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(p, s, "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)")}
	case prefix.String() != s:
		return field.ErrorList{field.Invalid(p, s, "must be in canonical form ("+prefix.String()+")")}
	}
	return nil
}
