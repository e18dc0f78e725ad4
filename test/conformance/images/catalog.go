package images

import (
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/proa-sh/proa/pkg/cluster/images"
	"github.com/proa-sh/proa/test/conformance/build"
)

// Sources are where the parts of the images are.
type Sources struct {
	// Programs has what package build makes, System the pause and coredns of every cluster.
	Programs, System string
	// Kubernetes is the root of upstream's sources.
	Kubernetes string
	// Cache keeps packages and what is built of them.
	Cache string
}

// layer is files that come on top of another layer, the base, if that has a name.
type layer struct {
	name, base string
	packages   []string
	files      []images.File
}

// entry is one image: a layer with those below it, and how to run it.
type entry struct {
	tags   []string
	layer  string
	config v1.Config
}

// busyboxLayer is the name of the layer that has busybox in it, as /usr/bin/busybox and under all its names.
const busyboxLayer = "busybox"

// e2eRegistry is the prefix of the images that are made for the suite.
const e2eRegistry = "registry.k8s.io/e2e-test-images/"

// layers stand after those that they are on.
func (s Sources) layers() []layer {
	program := func(name, path string, mode int64) images.File {
		return images.File{Path: path, Source: filepath.Join(s.Programs, name), Mode: mode}
	}
	source := func(path, name string) images.File {
		return images.File{Path: path, Source: filepath.Join(s.Kubernetes, "test/images", name)}
	}
	return []layer{
		{name: busyboxLayer, files: accounts()},
		// Upstream's agnhost is on Alpine, which is busybox and packages too. A spec reads the name in os-release.
		{name: "tools", base: busyboxLayer, files: []images.File{
			{Path: "/etc/os-release", Content: []byte("NAME=\"Alpine Linux\"\nID=alpine\nPRETTY_NAME=\"Alpine Linux\"\n")},
			{Path: "/usr/local/bin/iperf", Link: "/usr/bin/iperf"}, {Path: "/usr/bin/nc", Link: "nc.openbsd"},
		}, packages: []string{"bash", "libc-bin", "bind9-dnsutils", "curl", "libc-bin", "netcat-openbsd", "iproute2", "iperf", "util-linux"}},
		{name: "agnhost", base: "tools", files: []images.File{
			program("agnhost", "/agnhost", 0o755), {Path: "/agnhost-2", Link: "agnhost"},
			{Path: "/coredns", Source: filepath.Join(s.System, "coredns"), Mode: 0o755},
			source("/localhost.crt", "agnhost/porter/localhost.crt"), source("/localhost.key", "agnhost/porter/localhost.key"),
			{Path: "/uploads", Dir: true},
		}},
		{name: "kitten", base: "agnhost", files: []images.File{
			source("/kitten.jpg", "kitten/html/kitten.jpg"), source("/data.json", "kitten/html/data.json")}},
		{name: "nautilus", base: "agnhost", files: []images.File{
			source("/nautilus.jpg", "nautilus/html/nautilus.jpg"), source("/data.json", "nautilus/html/data.json")}},
		{name: "nginx", base: busyboxLayer, packages: []string{"nginx-light", "media-types"}, files: nginxFiles()},
		{name: "perl", base: busyboxLayer, packages: []string{"perl-base"}},
		{name: "nonewprivs", base: busyboxLayer, files: []images.File{program("nnp", "/usr/local/bin/nnp", 0o6755)}},
		{name: "regression", files: []images.File{program("regression-issue-74839", "/regression-issue-74839", 0o755)}},
		{name: "sample-apiserver", files: []images.File{program("sample-apiserver", "/sample-apiserver", 0o755)}},
		{name: "etcd", base: busyboxLayer, files: []images.File{program("etcd", "/usr/local/bin/etcd", 0o755)}},
		{name: "pause", files: []images.File{{Path: "/pause", Source: filepath.Join(s.System, "pause"), Mode: 0o755}}},
	}
}

// catalog lists the images. The tags are those that the suite of this version uses.
func catalog() []entry {
	command := func(c ...string) v1.Config { return v1.Config{Env: []string{searchPath}, Cmd: c} }
	entrypoint := func(program string, c ...string) v1.Config {
		return v1.Config{Env: []string{searchPath}, Entrypoint: []string{program}, Cmd: c}
	}
	withUser := func(c v1.Config, user string) v1.Config { c.User = user; return c }
	return []entry{
		{tags: tags("agnhost", build.AgnhostVersion, "2.55"), layer: "agnhost", config: entrypoint("/agnhost", "pause")},
		{tags: tags("kitten", "1.8"), layer: "kitten", config: entrypoint("/agnhost", "test-webserver")},
		{tags: tags("nautilus", "1.8"), layer: "nautilus", config: entrypoint("/agnhost", "test-webserver")},
		{tags: tags("busybox", "1.37.0-1", "1.36.1-1"), layer: busyboxLayer, config: command("sh")},
		{tags: tags("glibc-dns-testing", "2.0.0"), layer: "tools", config: command("bash")},
		{tags: tags("nginx", "1.15-4", "1.27-0"), layer: "nginx", config: command("nginx", "-g", "daemon off;")},
		{tags: tags("perl", "5.26"), layer: "perl", config: command("perl", "-de0")},
		{tags: tags("ipc-utils", "1.4"), layer: "tools", config: command("sh")},
		{tags: tags("nonewprivs", "1.4"), layer: "nonewprivs", config: command("nnp")},
		{tags: tags("nonroot", "1.5"), layer: busyboxLayer, config: withUser(command("sh"), "1234")},
		{tags: tags("regression-issue-74839", "1.4"), layer: "regression", config: entrypoint("/regression-issue-74839")},
		{tags: tags("sample-apiserver", "1.29.2"), layer: "sample-apiserver", config: entrypoint("/sample-apiserver")},
		{tags: []string{"registry.k8s.io/etcd:3.6.8-0"}, layer: "etcd", config: command("etcd")},
		{tags: []string{images.PauseName}, layer: "pause", config: withUser(entrypoint("/pause"), "65535:65535")},
	}
}

func tags(name string, versions ...string) []string {
	var names []string
	for _, v := range versions {
		names = append(names, e2eRegistry+name+":"+v)
	}
	return names
}

const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// accounts are the users and groups that specs name or look for, and the directories of an ordinary root.
func accounts() []images.File {
	return []images.File{
		{Path: "/etc/passwd", Content: []byte("root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n" +
			"user-defined-in-image:x:1000:1000:user:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")},
		{Path: "/etc/group", Content: []byte("root:x:0:\nwheel:x:10:\nwww-data:x:33:\nuser-defined-in-image:x:1000:\n" +
			"group-defined-in-image:x:50000:user-defined-in-image\nnogroup:x:65534:\n")},
		{Path: "/etc/nsswitch.conf", Content: []byte("passwd: files\ngroup: files\nhosts: files dns\n")},
		{Path: "/tmp", Dir: true, Mode: 0o1777}, {Path: "/root", Dir: true, Mode: 0o700},
		{Path: "/run", Dir: true}, {Path: "/var/run", Link: "/run"},
		{Path: "/bin", Link: "usr/bin"}, {Path: "/sbin", Link: "usr/sbin"}, {Path: "/lib", Link: "usr/lib"}, {Path: "/lib64", Link: "usr/lib64"},
		{Path: "/usr/sbin", Dir: true}, {Path: "/usr/lib", Dir: true}, {Path: "/usr/lib64", Dir: true},
	}
}

func nginxFiles() []images.File {
	config := "user www-data;\nworker_processes 1;\npid /run/nginx.pid;\nerror_log /dev/stderr notice;\nevents { worker_connections 1024; }\n" +
		"http {\n\tinclude /etc/nginx/mime.types;\n\taccess_log /dev/stdout;\n\tserver {\n\t\tlisten 80;\n\t\tlocation / { root /usr/share/nginx/html; }\n\t}\n}\n"
	return []images.File{
		{Path: "/etc/nginx/nginx.conf", Content: []byte(config)},
		{Path: "/usr/share/nginx/html/index.html", Content: []byte("<html><body><h1>Welcome to nginx!</h1></body></html>\n")},
		{Path: "/var/lib/nginx", Dir: true}, {Path: "/var/log/nginx", Dir: true},
	}
}
