// Package histories plays histories of workloads against the real controllers: several steps, with kills between two
// writes, stale caches, refused requests and time that passes.
//
// A World has a server with the product's own kinds, defaults, validation and strategies on a store in memory, the
// controllers of the product with their queues, informers and ledgers, and somebody who plays user, scheduler and kubelet.
// It lives in a bubble of testing/synctest: time passes only when everybody waits. Each request of a controller waits too,
// until the world serves it, fails it, or ends the program before or after it; so nothing happens at the same time as
// something else, a history always takes the same course, and a random walk can take any.
//
// What the package does not have: admission, authorization, several replicas of the controllers.
//
// TestHistories plays the files in testdata, one folder a controller; TestWalk takes seeded random walks and checks the
// invariants of invariants.go after each step.
package histories
