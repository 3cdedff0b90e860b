# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A host made of files: two CPUs, 4 GB, one WAN (eth0) and one LAN device (eth1).

# put PATH TEXT: a file under the root
put() {
	mkdir -p "$(dirname "$ROOT/$1")"
	printf '%s\n' "$2" >"$ROOT/$1"
}

sysctl_of() { # KEY: its value in the root
	cat "$ROOT/proc/sys/${1//.//}"
}

tune_setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	PATH=$PT_BUILD/bin:$PATH
	ROOT=$BATS_TEST_TMPDIR/root
	export STATE=$BATS_TEST_TMPDIR/state
	local key value
	while read -r key value; do
		put "proc/sys/${key//.//}" "$value"
	done <<-'END'
		kernel.osrelease 6.1.0-test
		kernel.unprivileged_bpf_disabled 2
		fs.nr_open 1048576
		fs.file-max 9223372036854775807
		vm.swappiness 60
		net.core.rmem_default 212992
		net.core.rmem_max 212992
		net.core.wmem_default 212992
		net.core.wmem_max 212992
		net.core.default_qdisc pfifo_fast
		net.core.netdev_max_backlog 1000
		net.core.netdev_budget 300
		net.core.netdev_budget_usecs 8000
		net.core.somaxconn 4096
		net.core.bpf_jit_enable 1
		net.core.bpf_jit_harden 0
		net.core.bpf_jit_limit 528482304
		net.ipv4.ip_forward 0
		net.ipv4.conf.all.forwarding 0
		net.ipv4.conf.default.forwarding 0
		net.ipv4.conf.all.rp_filter 0
		net.ipv4.conf.default.rp_filter 0
		net.ipv4.conf.all.accept_redirects 1
		net.ipv4.conf.all.send_redirects 1
		net.ipv6.conf.all.forwarding 0
		net.ipv4.tcp_rmem 4096	131072	6291456
		net.ipv4.tcp_wmem 4096	16384	4194304
		net.ipv4.tcp_mem 45000	60000	90000
		net.ipv4.tcp_mtu_probing 0
		net.ipv4.tcp_fin_timeout 60
		net.ipv4.tcp_keepalive_time 7200
		net.ipv4.tcp_keepalive_intvl 75
		net.ipv4.tcp_keepalive_probes 9
		net.ipv4.tcp_syncookies 1
		net.ipv4.tcp_available_congestion_control reno cubic
		net.ipv4.ip_local_port_range 32768	60999
		net.ipv4.ip_local_reserved_ports 
	END
	put proc/meminfo $'MemTotal:        4194304 kB\nMemAvailable:    3145728 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB'
	put proc/swaps 'Filename Type Size Used Priority'
	put proc/cpuinfo 'flags : fpu ssse3 avx2'
	put proc/loadavg '0.50 0.40 0.30 1/100 999'
	put proc/stat $'cpu  1000 0 500 8000 100 0 400 0 0 0\nctxt 123456'
	put proc/net/softnet_stat '00001000 00000000 00000000 00000000'
	put proc/net/netstat $'TcpExt: ListenOverflows PruneCalled RcvPruned TCPMemoryPressures TCPMTUPFail\nTcpExt: 0 0 0 0 0'
	put proc/net/snmp $'Ip: FragFails\nIp: 0\nTcp: RetransSegs\nTcp: 10\nUdp: RcvbufErrors MemErrors\nUdp: 0 0'
	put proc/net/sockstat $'sockets: used 10\nTCP: inuse 3 orphan 0 tw 2 alloc 4 mem 1'
	put proc/net/stat/arp_cache $'entries  table_fulls\n00000002  00000000'
	put proc/net/dev $'Inter-|\n face |\n  eth0: 1000 10 0 0 0 0 0 0 2000000 20000 0 0 0 0 0 0'
	put proc/net/route $'Iface Destination Gateway Flags\neth0\t00000000\t0102000A\t0003'
	put proc/net/tcp $'  sl  local_address rem_address   st\n   0: 00000000:1F90 00000000:0000 0A'
	put proc/net/udp $'  sl  local_address rem_address   st\n   0: 00000000:CA6C 00000000:0000 07'
	put sys/devices/system/cpu/online 0-1
	put sys/devices/system/node/online 0
	put facts $'hz 250\npage 4096\nqdisc_drops 0'
	local dev
	for dev in eth0 eth1; do
		put "sys/class/net/$dev/mtu" 1500
		put "sys/class/net/$dev/queues/rx-0/rps_cpus" 00000000
		put "sys/class/net/$dev/queues/rx-0/rps_flow_cnt" 0
		put "sys/class/net/$dev/queues/tx-0/xps_cpus" 0
		put "ethtool/$dev" $'rings.rx 256 max 4096\nrings.tx 256 max 4096\nchannels.combined 1 max 4\nfeatures.gro on\nfeatures.lro off fixed\nfeatures.rx-udp-gro-forwarding off\nfeatures.rx-gro-list off\ncoalesce.rx-usecs 0'
	done
	put etc/sysctl.d/10-network.conf '# nothing'
}

# profile TEXT: writes $BATS_TEST_TMPDIR/p.yaml, named by $P
profile() {
	P=$BATS_TEST_TMPDIR/p.yaml
	printf 'apiVersion: patronus/tune/v1\nname: test\n%s\n' "$1" >"$P"
}
