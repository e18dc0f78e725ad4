// Command kube-apiserver is the API server.
package main

import (
	"github.com/proa-sh/proa/pkg/apiserver"
	"github.com/proa-sh/proa/pkg/component"
)

func main() {
	component.Main("kube-apiserver", "The API server serves the Kubernetes API from etcd.", apiserver.NewCommand())
}
