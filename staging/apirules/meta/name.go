package meta

import (
	"k8s.io/apimachinery/pkg/api/validation/path"
)

// PathSegmentName wants what can stand in a URL path: not "." or "..", no "/" and no "%".
func PathSegmentName(name string, prefix bool) []string {
	if prefix {
		return path.IsValidPathSegmentPrefix(name)
	}
	return path.IsValidPathSegmentName(name)
}
