package controltest

import (
	"net/http"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// discover answers /api, /apis, /api/v1 and /apis/group/version. It returns false for other paths.
func (s *Server) discover(w http.ResponseWriter, parts []string) bool {
	s.mu.Lock()
	kinds := slices.Clone(s.kinds)
	s.mu.Unlock()
	switch {
	case len(parts) == 1 && parts[0] == "api":
		writeJSON(w, http.StatusOK, metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}})
	case len(parts) == 1 && parts[0] == "apis":
		writeJSON(w, http.StatusOK, groupsOf(kinds))
	case len(parts) == 2 && parts[0] == "api":
		writeJSON(w, http.StatusOK, resourcesOf(kinds, schema.GroupVersion{Version: parts[1]}))
	case len(parts) == 3 && parts[0] == "apis":
		writeJSON(w, http.StatusOK, resourcesOf(kinds, schema.GroupVersion{Group: parts[1], Version: parts[2]}))
	default:
		return false
	}
	return true
}

func groupsOf(kinds []Kind) metav1.APIGroupList {
	list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
	for _, k := range kinds {
		if k.Group == "" || slices.ContainsFunc(list.Groups, func(g metav1.APIGroup) bool { return g.Name == k.Group }) {
			continue
		}
		version := metav1.GroupVersionForDiscovery{GroupVersion: k.GroupVersion().String(), Version: k.Version}
		list.Groups = append(list.Groups, metav1.APIGroup{Name: k.Group, Versions: []metav1.GroupVersionForDiscovery{version}, PreferredVersion: version})
	}
	return list
}

func resourcesOf(kinds []Kind, gv schema.GroupVersion) metav1.APIResourceList {
	list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gv.String()}
	for _, k := range kinds {
		if k.GroupVersion() == gv {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: k.Resource, Kind: k.Kind, Namespaced: k.Namespaced, Verbs: verbs()})
		}
	}
	return list
}
