// Package podsecurity is the admission plugin PodSecurity: pods must keep to the Pod Security Standard that their
// namespace's labels demand (KEP-2579).
//
// It wraps k8s.io/pod-security-admission, which decides, with the server's informers; pods of a namespace are only listed
// when its labels change. TestValidate shows it.
package podsecurity
