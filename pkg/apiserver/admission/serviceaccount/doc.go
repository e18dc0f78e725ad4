// Package serviceaccount is the admission plugin ServiceAccount: a pod gets the service account "default" if it names
// none, must name one that exists, and gets its token, the cluster's CA and its namespace as a projected volume, unless it
// or the account says otherwise (KEP-1205, KEP-2907).
//
// In: informers of service accounts. TestAdmit shows it.
package serviceaccount
