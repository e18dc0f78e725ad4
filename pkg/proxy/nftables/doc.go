// Package nftables puts the proxy's model into the kernel: one table "proa-proxy" for
// each address family.
//
// The rules are fixed; Services are data. A packet's destination (address, protocol,
// port: a front) is looked up in a few sets that say what kind of front it is, then in
// the set "<protocol>-n-<k>" of fronts with k endpoints, and is sent to the endpoint
// that the map "<protocol>-endpoints" has for the front and a random number below k.
// A packet that a commit overtakes between two lookups may find its front in no set; it
// gets the first endpoint. Adding a Service or an endpoint changes elements only; a rule and a set appear the
// first time some Service has k endpoints, and the first time one has some affinity
// timeout. No map holds verdicts, so the kernel never has to walk elements to prove that
// rules cannot loop, and no packet or connection mark is used, so nothing is taken from
// other users of marks: what postrouting must know it reads from the connection's
// original destination.
//
// In come values of package model: Table.Apply takes what changed and writes the
// difference to the last commit, kept in memory, in one transaction: by netlink if it is
// elements only, else by nft (sigs.k8s.io/knftables). Table.Resync writes everything.
// Watch tells when somebody else damaged the table. Out goes nothing but kernel state.
// The package never looks at API objects and never touches another table.
//
// elements.go, plan.go and layout.go are pure and tested by recorded output in testdata
// (scenario_test.go); kernel_test.go sends real connections through real rules in
// network namespaces of its own.
package nftables
