// Package flowcontrol owns the rules of flowcontrol.apiserver.k8s.io/v1: flow schemas and priority levels.
//
// In: v1 objects as a client sent them or as they are stored. Out: the same object with unset fields filled
// (SetDefaults) and field.ErrorList (Validate...). Nothing keeps a reference to its argument.
package flowcontrol
