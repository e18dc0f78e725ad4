// Package podfile opens files that pods own.
//
// It owns one rule: what a container can exchange for something else is first opened as a place only (O_PATH), looked at, and
// read only if it is a regular file. A pipe would block the kubelet until somebody writes, a device may do anything when it is
// opened, a link may lead out of the volume. In come paths on the host, out go open files. It never writes and never follows a
// link out of the directory it was given. TestOpen shows what is refused.
package podfile
