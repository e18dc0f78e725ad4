package core

import (
	"regexp"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// The grammar of image references as the OCI distribution project publishes it, without digests' algorithms.
const (
	imageAlnum      = `[a-z0-9]+`
	imageSep        = `(?:[._]|__|[-]+)`
	imageComponent  = imageAlnum + `(?:` + imageSep + imageAlnum + `)*`
	imageDomainPart = `(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])`
	imageDomain     = `(?:` + imageDomainPart + `(?:\.` + imageDomainPart + `)*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?`
	imageName       = `(?:` + imageDomain + `/)?` + imageComponent + `(?:/` + imageComponent + `)*`
	imageTag        = `[\w][\w.-]{0,127}`
	imageDigest     = `[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}`
)

var imageReference = regexp.MustCompile(`^(` + imageName + `)(?::(` + imageTag + `))?(?:@(` + imageDigest + `))?$`)

// imageTagOf returns the tag of an image reference: "latest" when it names neither tag nor digest, and "" when it has
// only a digest or is no reference at all.
func imageTagOf(image string) string {
	m := imageReference.FindStringSubmatch(strings.TrimPrefix(image, "docker.io/"))
	switch {
	case m == nil:
		return ""
	case m[2] == "" && m[3] == "":
		return "latest"
	default:
		return m[2]
	}
}

// pullPolicyFor is the pull policy of an image that states none: moving images are pulled always.
func pullPolicyFor(image string) v1.PullPolicy {
	if imageTagOf(image) == "latest" {
		return v1.PullAlways
	}
	return v1.PullIfNotPresent
}
