package binaries

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// image is what the workload runs, made by `make images`.
const image = "docker.io/library/nginx:1.27"

// startContainerd runs a containerd and gives it images and a network.
func (c *cluster) startContainerd() *process {
	c.t.Helper()
	replace := strings.NewReplacer("DIR", c.dir, "BIN", c.bin)
	write(c.t, c.path("containerd.toml"), replace.Replace(containerdConfig))
	write(c.t, c.path("cni/10-bridge.conflist"), replace.Replace(networkConfig))
	p := c.start("containerd", "--config", c.path("containerd.toml"))
	for _, archive := range []string{"pause.tar", "nginx-1.27.tar"} {
		c.eventually("the import of "+archive, func(ctx context.Context) error {
			archive := filepath.Join(c.bin, "images", archive)
			if _, err := os.Stat(archive); err != nil {
				c.t.Fatalf("%v (make build images)", err)
			}
			out, err := exec.CommandContext(ctx, filepath.Join(c.bin, "ctr"), "--address", c.path("containerd.sock"), "--namespace", "k8s.io",
				"image", "import", archive).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	}
	return p
}

// Containers keep the OOM score of whoever started the test: not every machine lets it be lowered.
const containerdConfig = `version = 3
root = "DIR/root"
state = "DIR/state"

[grpc]
  address = "DIR/containerd.sock"
[ttrpc]
  address = "DIR/containerd.sock.ttrpc"
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.shim.v1.manager"]
  socket_dir = "DIR/s"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "registry.k8s.io/pause:3.10.2"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  runtime_path = "BIN/containerd-shim-runc-v2"
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["BIN/cni"]
  conf_dir = "DIR/cni"
`

const networkConfig = `{
  "cniVersion": "1.0.0", "name": "pods",
  "plugins": [{
    "type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "hairpinMode": true,
    "ipam": {"type": "host-local", "dataDir": "DIR/ipam", "ranges": [[{"subnet": "10.244.0.0/24"}]]}
  }]
}
`
