// Package resource owns the rules of resource.k8s.io/v1, dynamic resource allocation: claims and their templates, device
// classes, and the slices by which drivers publish devices.
//
// In: v1 objects as a client sent them or as they are stored. Out: the same object with unset fields filled
// (SetDefaults) and field.ErrorList (Validate...). Nothing keeps a reference to its argument. The rules follow the
// documentation of the API's fields (KEP-4381). CEL expressions are checked for their length only: compiling them is
// left to the server, which knows the environment.
//
// TestClaim, TestSlice and TestClass show each rule by one mutation of a valid object; TestFuzz that nothing panics and
// that defaults are idempotent.
package resource
