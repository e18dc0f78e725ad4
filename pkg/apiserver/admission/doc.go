// Package admission lists the admission plugins of the API server, in the order in which they run, and says which are on
// by default. Each plugin of ours is a package below; those that decide by policies and webhooks are of k8s.io/apiserver.
//
// TestAdmission in test/integration shows that each is in its place.
//
// A plugin is added by writing admission/<plugin>/ and one line in [Plugins].
package admission
