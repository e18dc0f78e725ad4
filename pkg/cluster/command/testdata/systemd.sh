#!/bin/sh
# systemd.sh DIR PROGRAM...: a systemd that runs nothing but PROGRAM, as the first process of namespaces and cgroups of its own. What
# PROGRAM says is in DIR/out, and its exit status is that of this script.
set -eu
dir=$1
if [ "${2#--}" = "$2" ]; then
	for group in $(cat "$dir/cgroups"); do
		mkdir "$group"
		for file in cpuset.cpus cpuset.mems; do
			if [ -f "$group/$file" ]; then cat "$group/../$file" >"$group/$file"; fi
		done
		echo $$ >"$group/cgroup.procs"
	done
	shift
	exec unshare -C -m -p -f -u -i -n --propagation private "$0" "$dir" -- "$@"
fi
shift 2
mount -t proc proc /proc
awk '$9 ~ /^cgroup/ || $(NF-2) ~ /^cgroup/ {print $5, $(NF-2), $NF}' /proc/self/mountinfo >"$dir/mounts"
umount -R /sys/fs/cgroup
if ! grep -q '^/sys/fs/cgroup ' "$dir/mounts"; then mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup; fi
while read -r where type options; do
	mkdir -p "$where"
	mount -t "$type" -o "$(echo "$options" | sed 's/^rw,\?//; s/^name=/none,name=/')" cgroup "$where"
done <"$dir/mounts"
for place in /run /lib/systemd/system /lib/systemd/system-generators /etc/systemd/system; do mount -t tmpfs -o mode=755 tmpfs $place; done
cp "$dir"/units/* /etc/systemd/system
ip link set lo up
exec env -i container=test PATH="$PATH" /lib/systemd/systemd --system --log-target=null --show-status=false --unit=multi-user.target
