package images

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/proa-sh/proa/pkg/cluster/images"
)

// Entry is one archive.
type Entry struct {
	// Name is that of the archive, without .tar.
	Name string
	// Tags are the full names of the image.
	Tags []string
	// Packages are Debian's; what they depend on is added.
	Packages []string
	// Files are put over those of the packages.
	Files  []images.File
	Config v1.Config
}

// Catalog lists all archives. Each image also has busybox for a shell.
func Catalog() []Entry {
	return []Entry{nginx("1.27"), nginx("1.28"), python(), redis(), busybox()}
}

const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const nginxConfig = `user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /dev/stderr notice;
events { worker_connections 1024; }
http {
	include /etc/nginx/mime.types;
	default_type application/octet-stream;
	access_log /dev/stdout;
	sendfile on;
	keepalive_timeout 65;
	include /etc/nginx/conf.d/*.conf;
}
`

const nginxServer = `server {
	listen 80;
	server_name localhost;
	location / {
		root /usr/share/nginx/html;
		index index.html;
	}
}
`

// nginx under two tags differs by its page and a variable only, which is what a rolling update needs to be seen.
func nginx(tag string) Entry {
	page := "<!DOCTYPE html>\n<html><head><title>Welcome to nginx!</title></head>\n<body><h1>Welcome to nginx!</h1><p>" + tag + "</p></body></html>\n"
	return Entry{
		Name: "nginx-" + tag, Tags: []string{"docker.io/library/nginx:" + tag}, Packages: []string{"nginx", "media-types"},
		Files: []images.File{
			{Path: "/etc/nginx/nginx.conf", Content: []byte(nginxConfig)},
			{Path: "/etc/nginx/conf.d/default.conf", Content: []byte(nginxServer)},
			{Path: "/usr/share/nginx/html/index.html", Content: []byte(page)},
			{Path: "/var/log/nginx/access.log", Link: "/dev/stdout"},
			{Path: "/var/log/nginx/error.log", Link: "/dev/stderr"},
			{Path: "/var/lib/nginx", Dir: true},
		},
		Config: v1.Config{
			Cmd: []string{"nginx", "-g", "daemon off;"}, StopSignal: "SIGQUIT",
			Env: []string{searchPath, "IMAGE_TAG=" + tag}, ExposedPorts: map[string]struct{}{"80/tcp": {}},
		},
	}
}

func python() Entry {
	return Entry{
		Name: "python", Tags: []string{"docker.io/library/python:3.11", "docker.io/library/python:3"}, Packages: []string{"python3", "python3-flask"},
		Files:  []images.File{{Path: "/usr/bin/python", Link: "python3"}},
		Config: v1.Config{Cmd: []string{"python3"}, Env: []string{searchPath, "LANG=C.UTF-8", "PYTHONUNBUFFERED=1"}},
	}
}

func redis() Entry {
	return Entry{
		Name: "redis", Tags: []string{"docker.io/library/redis:7"}, Packages: []string{"redis-server", "redis-tools"},
		Files: []images.File{{Path: "/data", Dir: true, UID: redisUser, GID: redisUser}},
		Config: v1.Config{
			Cmd: []string{"redis-server", "--protected-mode", "no"}, WorkingDir: "/data", Env: []string{searchPath},
			ExposedPorts: map[string]struct{}{"6379/tcp": {}}, Volumes: map[string]struct{}{"/data": {}},
		},
	}
}

func busybox() Entry {
	return Entry{
		Name: "busybox", Tags: []string{"docker.io/library/busybox:1.36", "docker.io/library/busybox:1.37"},
		Config: v1.Config{Cmd: []string{"sh"}, Env: []string{searchPath}},
	}
}

// redisUser is the number that the image of that name has for it.
const redisUser = 999

// commonFiles are in every image.
func commonFiles() []images.File {
	return []images.File{
		{Path: "/etc/passwd", Content: []byte("root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n" +
			"redis:x:999:999:redis:/data:/bin/false\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n")},
		{Path: "/etc/group", Content: []byte("root:x:0:\nwheel:x:10:\nwww-data:x:33:\nredis:x:999:\nnogroup:x:65534:\n")},
		{Path: "/etc/nsswitch.conf", Content: []byte("passwd: files\ngroup: files\nhosts: files dns\n")},
		{Path: "/tmp", Dir: true, Mode: 0o1777},
		{Path: "/run", Dir: true}, {Path: "/var/run", Link: "/run"}, {Path: "/root", Dir: true, Mode: 0o700},
		{Path: "/bin", Link: "usr/bin"}, {Path: "/sbin", Link: "usr/sbin"}, {Path: "/lib", Link: "usr/lib"}, {Path: "/lib64", Link: "usr/lib64"},
		{Path: "/usr/bin", Dir: true}, {Path: "/usr/sbin", Dir: true}, {Path: "/usr/lib", Dir: true}, {Path: "/usr/lib64", Dir: true},
	}
}

// unneeded are packages that others depend on for their scripts, which do not run here.
func unneeded() []string {
	return []string{
		"adduser", "debconf", "dpkg", "init-system-helpers", "iproute2", "libjs-jquery", "lsb-base", "passwd", "perl", "perl-base",
		"perl-modules-5.36", "libperl5.36", "sysvinit-utils", "tar", "usrmerge", "libpam-modules", "libpam-modules-bin", "libcap2-bin",
	}
}

// unneededPaths are left out of every package.
func unneededPaths() []string {
	return []string{
		"/usr/share/doc/", "/usr/share/man/", "/usr/share/info/", "/usr/share/locale/", "/usr/share/lintian/", "/usr/share/bash-completion/",
		"/usr/share/bug/", "/usr/share/initramfs-tools/", "/usr/share/doc-base/", "/usr/share/vim/", "/usr/lib/x86_64-linux-gnu/gconv/", "/usr/lib/systemd/", "/etc/init.d/",
		"/etc/logrotate.d/", "/etc/ufw/", "/etc/cron.daily/",
	}
}
