// Package pkg is the map of Proa: Kubernetes, written anew on the published k8s.io libraries.
//
// What is served:
//
//   - api declares every group and kind, one file a kind, on the resource descriptor staging/apidef with the rules of
//     staging/apirules (defaults, validation).
//   - apiserver serves them: aggregator, core and custom resources in a chain, authentication, authorization, admission,
//     and the in-process client and informers that everything else in the process uses. In upkeep one loop keeps what the
//     server itself has to keep true: the Service kubernetes, system namespaces, roles, addresses and ports.
//
// What acts:
//
//   - controllers has one folder a controller, each a pure plan and a thin controller; controllermanager runs them.
//   - scheduler gives pods nodes, by plugins on the published framework interfaces.
//   - kubelet runs pods by a container runtime: stages that know values and not each other, put together in
//     pkg/kubelet/graph.go. What it must remember over a restart is in one durable record a pod.
//   - proxy makes Services reachable by nftables; network gives pods addresses and names.
//   - cluster is what the command proa does: it starts all of this, with etcd and containerd, in one process, keeps a
//     ledger of every change to the host, and makes further nodes of namespaces on the same machine. A small keeper starts
//     it again when it falls.
//
// What they share: killpoint, the moments at which tests kill, component (flags, health, leader election), and the leaf packages pods, nodes, services and quota, pure
// questions about one kind.
//
// # How a write comes to be a running container
//
// A request passes authentication, priority and fairness, authorization, decoding (Normalize, Default), mutating
// admission, the descriptor's strategy, validation, validating admission, and is written to etcd. The watch cache learns of
// it and wakes the one in-process informer of that resource, which wakes the controllers' queues, the scheduler, the
// kubelet's pod worker. Each step is woken by the one before; nothing polls.
//
// # Recipes
//
// A kind: write api/<group>/<kind>.go after the model of api/apps/deployment.go, add one line to the group's list, and the
// rules to staging/apirules. Tables, discovery, storage and the test of every verb follow.
//
// A controller: write controllers/<name>/{doc,plan,controller}.go after the model of controllers/replicaset: plan is a pure
// function from what was observed to an outcome; add one line to controllers/all.go. What it does over several steps, kills
// and stale caches is shown by a history in test/histories.
//
// A scheduler plugin: write scheduler/plugins/<name>/ after the model of noderesourcesfit, add one line to
// pkg/scheduler/plugins/all.go.
//
// An admission plugin: write pkg/apiserver/admission/<name>.go after the model of
// pkg/apiserver/admission/toleration_seconds.go, add one line to
// pkg/apiserver/admission/plugins.go.
//
// A volume type: write one file in kubelet/volumes after the model of configmap, add one line to its list.
//
// Who may import whom is a table in hack/lint, which is a test.
package pkg
