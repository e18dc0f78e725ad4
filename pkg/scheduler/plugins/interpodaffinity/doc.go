// Package interpodaffinity is the plugin InterPodAffinity: pods that must, must not, should or should not share a
// topology domain with certain other pods. Anti-affinity holds both ways: a pod is also kept out by those that are there.
//
// It extends preFilter, filter, preScore and score. How many pods speak for or against each domain is counted once for
// all pods that ask the same (class), and kept up to date from the snapshot's changes. Labels that nobody asks for do not
// tell pods apart (keys.go).
//
// Tests: TestFilter, TestFilterExtensions (what if a pod were there), TestScore, TestKeptCounts (against fresh ones),
// TestClasses, TestHints.
package interpodaffinity
