// Package admission has the admission plugins of the API server, one file a plugin, and lists them in the order in which they
// run ([Plugins]). Those that decide by policies and webhooks are of k8s.io/apiserver.
//
// A [Plugin] is a value: its name, whether it is on by default, and how it is built of what the server has: informers, a
// client, the authorizer, the flags' settings. It comes to be called with requests that it may change or refuse; it never
// writes an object.
//
// A plugin is added by writing a file with its value, after the model of toleration_seconds.go, and one line in the list. Each
// has a test beside it; TestAdmission in test/integration shows that each is in its place.
package admission
