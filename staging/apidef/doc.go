// Package apidef declares an API resource of k8s.io/apiserver in one value.
//
// A [Resource] says what a kind is called, how it is defaulted and validated, what a create, an update and each of its
// subresources may change, what a table of it shows and which of its fields can be selected. From that value the package
// derives the scheme registration ([Definition.AddToScheme]) and the storage ([Definition.NewStorage]) that
// k8s.io/apiserver serves.
//
// There is one Go type per kind, the hub: the type of its newest served version. It is registered a second time under
// the group's "__internal" version, which k8s.io/apiserver works with, so that no conversion runs but for a second
// version of the kind ([Spoke]). Behaviour that other servers hide in conversion functions is a Normalize hook here, and
// it has to be idempotent: it runs whenever an object is decoded, from a client or from storage.
//
// What comes in: a Resource and the options to reach storage. What goes out: rest.Storage values. The package never
// serves HTTP and never talks to storage but through k8s.io/apiserver's generic registry.
//
// TestGeneration, TestCreate and TestSpokeRules show the hooks; TestKinds in test/integration every verb and patch kind
// against a real server.
package apidef
