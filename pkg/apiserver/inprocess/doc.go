// Package inprocess lets components in the API server's process use it without sockets.
//
// Reads: [Informers] is a client-go informers.SharedInformerFactory whose informers list and watch the registry in
// memory: nothing is encoded, and all components share one informer per resource. Objects lose their managedFields on
// the way, and belong to everybody: they are read-only.
//
// Writes: [Transport] is a http.RoundTripper that calls the server's handler, so that every write goes through
// authentication, authorization, admission and validation like anyone else's.
//
// Both are made before the server exists, because parts of the server need them, and are bound to it once it is built.
// TestInformers and TestTransport show it.
package inprocess
