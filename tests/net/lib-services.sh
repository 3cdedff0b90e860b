# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Servers to ask, on a node of lib.sh: nginx (HTTP, HTTPS with HTTP/2, certificates good and bad)
# and dnsmasq. Sourced after lib.sh, which ends them.
#
# services_up NODE     80: /hello says "hello world", /gone 404, /away 302
#                      /large is 3 MiB: "early", a million and more of "x", and "late"
#                      443: the same by TLS for www.test; 8443: expired; 9443: for other.test
#                      53: www.test has 192.0.2.7 and 2001:db8::7, what.test a TXT record
# CA=FILE              what has signed the certificates

CA=$SCRATCH/services/ca.pem

certificate() { # NAME HOST DAYS
	local dir=$SCRATCH/services
	must openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-keyout "$dir/$1.key" -out "$dir/$1.csr" -subj "/CN=$2" 2>"$dir/openssl.err"
	must openssl x509 -req -in "$dir/$1.csr" -CA "$CA" -CAkey "$dir/ca.key" -CAcreateserial \
		-days "$3" -extfile <(echo "subjectAltName=DNS:$2") -out "$dir/$1.pem" 2>"$dir/openssl.err"
}

https_server() { # PORT NAME
	local dir=$SCRATCH/services listen="$1 ssl http2"
	cat <<-END
		server { listen $listen; listen [::]:$listen;
			ssl_protocols TLSv1.3; ssl_certificate $dir/$2.pem; ssl_certificate_key $dir/$2.key; $3 }
	END
}

services_up() { # NODE
	local dir=$SCRATCH/services name
	local pages='location /hello { return 200 "hello world\n"; } location /gone { return 404; }
		location /away { return 302 /hello; } location /large { root '$dir'; }'
	command -v nginx >/dev/null || skip_all "no nginx"
	command -v dnsmasq >/dev/null || skip_all "no dnsmasq"
	mkdir -p "$dir"
	chmod 755 "$SCRATCH" "$dir"
	must openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
		-keyout "$dir/ca.key" -out "$CA" -subj "/CN=test CA" 2>"$dir/openssl.err"
	{ echo early; head -c 3145728 /dev/zero | tr '\0' x; echo late; } >"$dir/large"
	certificate good www.test 20
	certificate expired www.test -1
	certificate other other.test 20
	cat >"$dir/nginx.conf" <<-END
		daemon off; worker_processes 1; pid $dir/nginx.pid; error_log $dir/error.log;
		events { worker_connections 256; }
		http { access_log $dir/access.log;
			client_body_temp_path $dir/t1; proxy_temp_path $dir/t2; fastcgi_temp_path $dir/t3;
			uwsgi_temp_path $dir/t4; scgi_temp_path $dir/t5;
			server { listen 80; listen [::]:80; $pages }
			$(https_server 443 good "$pages")
			$(https_server 8443 expired "$pages")
			$(https_server 9443 other "$pages") }
	END
	spawn_on "$1" nginx nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/error.log"
	spawn_on "$1" dnsmasq dnsmasq -k -C /dev/null -R -h --user=root --pid-file= --log-facility=- \
		--address=/www.test/192.0.2.7 --address=/www.test/2001:db8::7 --address=/none.test/ \
		--txt-record=what.test,"some words" --bind-interfaces
	for name in 80 443 8443 9443 53; do
		wait_until 5 listens "$1" $name || bail "port $name: $(cat "$dir/error.log" "$SCRATCH"/{nginx,dnsmasq}.err)"
	done
}

listens() { on "$1" ss -Hltn | grep -q ":$2 "; } # NODE PORT
