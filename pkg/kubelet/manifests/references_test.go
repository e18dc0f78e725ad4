package manifests

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReferences(t *testing.T) {
	const container = "containers: [{name: c, image: i}]"
	for spec, want := range map[string]string{
		container: "",
		container + "\n  volumes: [{name: v, hostPath: {path: /etc}}, {name: p, projected: {sources: [{downwardAPI: {items: []}}]}}]": "",
		container + "\n  serviceAccountName: admin":                                                                         "static pods may not reference serviceaccounts",
		container + "\n  resourceClaims: [{name: gpu, resourceClaimName: gpu}]":                                             "static pods may not reference resourceclaims",
		container + "\n  imagePullSecrets: [{name: s}]":                                                                     "static pods may not reference secrets (imagePullSecrets)",
		container + "\n  volumes: [{name: v, secret: {secretName: s}}]":                                                     `volume "v": static pods may not reference secrets`,
		container + "\n  volumes: [{name: v, configMap: {name: s}}]":                                                        `volume "v": static pods may not reference configmaps`,
		container + "\n  volumes: [{name: v, persistentVolumeClaim: {claimName: s}}]":                                       `volume "v": static pods may not reference persistentvolumeclaims`,
		container + "\n  volumes: [{name: v, csi: {driver: d.example, nodePublishSecretRef: {name: s}}}]":                   `volume "v": static pods may not reference secrets`,
		container + "\n  volumes: [{name: v, projected: {sources: [{secret: {name: s}}]}}]":                                 `volume "v": static pods may not reference secrets`,
		container + "\n  volumes: [{name: v, projected: {sources: [{configMap: {name: s}}]}}]":                              `volume "v": static pods may not reference configmaps`,
		"containers: [{name: c, image: i, envFrom: [{secretRef: {name: s}}]}]":                                              `container "c": static pods may not reference secrets`,
		"containers: [{name: c, image: i, envFrom: [{configMapRef: {name: s}}]}]":                                           `container "c": static pods may not reference configmaps`,
		"containers: [{name: c, image: i, env: [{name: E, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]":                 `container "c": static pods may not reference secrets`,
		"containers: [{name: c, image: i, env: [{name: E, valueFrom: {configMapKeyRef: {name: s, key: k}}}]}]":              `container "c": static pods may not reference configmaps`,
		"containers: [{name: c, image: i}]\n  initContainers: [{name: first, image: i, envFrom: [{secretRef: {name: s}}]}]": `container "first": static pods may not reference secrets`,
	} {
		file := filepath.Join(t.TempDir(), "pod.yaml")
		text := "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  " + spec + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		pod, err := readFile(file, "node1")
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want || (pod != nil) != (want == "") {
			t.Errorf("%s\n%q, want %q", spec, got, want)
		}
	}
}
