// Package lint checks the shape of the project in Go tests: who imports whom ([TestImports]), which modules are required
// and why ([TestDependencies]), that every package says what it is for ([TestDocs]), and that nothing of
// k8s.io/kubernetes gets into the product. Each failure says what to do.
package lint
