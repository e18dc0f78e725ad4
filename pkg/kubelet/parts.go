package kubelet

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-base/version"
	criapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/proa-sh/proa/pkg/kubelet/admission"
	"github.com/proa-sh/proa/pkg/kubelet/handler"
	"github.com/proa-sh/proa/pkg/kubelet/images"
	"github.com/proa-sh/proa/pkg/kubelet/logs"
	"github.com/proa-sh/proa/pkg/kubelet/node"
	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/kubelet/probes"
	"github.com/proa-sh/proa/pkg/kubelet/resources"
	"github.com/proa-sh/proa/pkg/kubelet/runtime"
	"github.com/proa-sh/proa/pkg/kubelet/status"
	"github.com/proa-sh/proa/pkg/kubelet/volumes"
	"github.com/proa-sh/proa/pkg/kubelet/worker"
)

// parts are the stages while the kubelet runs.
type parts struct {
	k            *Kubelet
	runtimeAPI   criapi.RuntimeService
	imageAPI     criapi.ImageManagerService
	events       *events
	runtime      *runtime.Runtime
	images       *images.Manager
	volumes      *volumes.Manager
	resources    *resources.Manager
	node         *node.Node
	probes       *probes.Manager
	pool         *worker.Pool
	publisher    status.Publisher
	objects      objectSource
	hookAgent    string
	runtimeName  string
	hostIPs      []string
	allocatable  v1.ResourceList
	probeContext context.Context
}

func (p *parts) close() {
	// The process is about to leave the runtime; a connection that does not close cleanly harms nobody.
	_ = errors.Join(p.runtimeAPI.Close(context.Background()), p.imageAPI.Close(context.Background()))
}
