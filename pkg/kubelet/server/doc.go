// Package server is the kubelet's HTTPS API, on port 10250 with the paths that every client of kubelets knows.
//
// It owns: the listeners, who may call what (a table of routes with their authorisation attributes), container logs,
// the way of exec, attach and port-forward streams to the container runtime, statistics and metrics in the published forms.
// In come interfaces for pods, the container runtime and usage figures; out go HTTP answers. Nothing is kept between
// requests, but for ten seconds how much of a log was read: who attaches then goes on from there.
//
// Every route of the HTTPS listener authenticates and authorises; a path that no route knows does so too, before it is
// answered with 404. The attributes come from the route, not from the HTTP method alone: whatever runs something in a pod
// needs the verb create, also when it is asked for by the GET of a WebSocket. Streams are handed to the runtime's streaming
// address byte by byte after the upgrade; the client never learns that address. Only who attaches to a container that has just
// ended, or has already written something since it just started, is served from its log: the runtime gives no more than what
// comes after. Log files are only read when they lie, without any symbolic link, in the directory of pod logs.
//
// The one listener without authentication serves health on loopback.
//
// TestRoutes shows every path and what it needs, TestLogs and TestFollow the logs, TestExec the streams, TestAttachToQuickContainers the
// output of quick commands.
package server
