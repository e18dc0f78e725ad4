// Package crilog reads logs of containers in the format of the CRI, from files that are open already.
//
// It owns the format (a time, the stream, tags of which P says that the line goes on, the text), the choice of lines (Options), and
// following a log over its rotation until its container has ended. In come a Log, which opens the file as its owner thinks safe,
// and writers; out goes text. The published reader (k8s.io/cri-client/pkg/logs) takes a path, follows links in it and opens it
// again by itself, so that whoever may write the directory of logs can have it read another file; this one never sees a path.
// TestRead has the same cases read by both; TestFollow shows rotation.
package crilog
