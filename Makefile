# SPDX-License-Identifier: MIT
# Patronus. `make` builds, `make check` tests, `make demo` shows the failover live.
VERSION  := 0.1.0
BUILD    ?= build
# One name for one place: dependency files must not know two.
override BUILD := $(patsubst $(CURDIR)/%,%,$(BUILD))
prefix   ?= /usr/local
DESTDIR  ?=
CC       ?= gcc
CLANG    ?= clang
BPFTOOL  ?= $(firstword $(shell command -v bpftool) /usr/sbin/bpftool)
PKGS     := libbpf libmnl jansson yaml-0.1 sqlite3 nettle
Q        := $(if $(V),,@)

WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
            -Wundef -Wcast-qual -Wwrite-strings -Wimplicit-fallthrough -Wconversion \
            -Wno-sign-conversion $(if $(DEV),-Werror)
OPT      ?= -O2 -g
CFLAGS   ?= $(OPT)
SAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ALL_CFLAGS = -std=gnu17 $(WARN) -D_GNU_SOURCE -DPT_VERSION='"$(VERSION)"' -Ilib -I. -I$(BUILD) \
            $(shell pkg-config --cflags $(PKGS)) -MMD -MP $(CFLAGS)
LIBS      = -Wl,--as-needed $(shell pkg-config --libs $(PKGS)) -lm -lpthread
BPF_CFLAGS = -O2 -g -mcpu=v3 -target bpf -Wall -Wextra -Werror -Wno-unused-parameter -I. \
            -isystem /usr/include/$(shell $(CC) -print-multiarch)

# Floors of lib/, highest first: an archive may use only those to its right (make lint checks it).
FLOORS   := bench serve store probe select plane tune net wire model base
ARCHIVES := $(foreach f,$(FLOORS),$(if $(wildcard lib/$f/*.c),$(BUILD)/lib$f.a))
TOOLS    := $(sort $(basename $(notdir $(wildcard cmd/pt-*.c))) $(notdir $(patsubst %/,%,$(dir $(wildcard cmd/pt-*/*.c)))))
BINS     := $(TOOLS:%=$(BUILD)/bin/%)
SKELS    := $(patsubst bpf/%.bpf.c,$(BUILD)/bpf/%.skel.h,$(wildcard bpf/*.bpf.c))
UNITS    := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
BPFTESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bpf/*.c))
TESTTOOLS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/tools/*.c))
FUZZERS  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
PAGES    := $(wildcard man/*.[1-8])
p        := %
# ($$(p) in pattern rules: a bare % there would be the stem)

.DELETE_ON_ERROR:
.SECONDARY:
.SECONDEXPANSION:
.PHONY: all check check-san check-long fuzz lint demo install uninstall clean deps deps-bench tests

all: $(BINS) $(ARCHIVES)
tests: all $(UNITS) $(BPFTESTS) $(TESTTOOLS) $(FUZZERS)

DEPS_BUILD := gcc libc6-dev make pkg-config clang llvm bpftool libbpf-dev libelf-dev zlib1g-dev \
              libmnl-dev libjansson-dev libyaml-dev libsqlite3-dev nettle-dev libcurl4-openssl-dev linux-libc-dev
DEPS_TEST  := bats libclang-rt-14-dev jq libjemalloc2 iproute2 iputils-ping fping bird2 frr tshark nginx-light dnsmasq-base openssl iputils-tracepath traceroute nftables iptables conntrack iperf3 ethtool wireguard-go wireguard-tools procps util-linux bsdutils bsdextrautils sqlite3 valgrind mandoc \
              shellcheck systemd clang-format clang-tidy cppcheck
DEPS_LANE  := qemu-system-x86 user-mode-linux busybox-static cpio kmod spin ppp wireguard-tools
# Whom bench/ compares with
DEPS_BENCH := bird2 frr
deps:
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(DEPS_BUILD) $(DEPS_TEST)
deps-bench:
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(DEPS_BENCH)

# Objects, archives, BPF
$(BUILD)/lib/tune/shipped.o: $(wildcard etc/tune/*.yaml)
$(patsubst %.c,$(BUILD)/%.o,$(wildcard lib/plane/*.c lib/probe/*.c lib/tune/*.c lib/bench/*.c tests/bpf/*.c)): | $(SKELS)
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(if $Q,@echo "  CC    $<")
	$Q$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/lib%.a: $$(patsubst $$(p).c,$(BUILD)/$$(p).o,$$(wildcard lib/$$*/*.c))
	$(if $Q,@echo "  AR    $@")
	$Qrm -f $@ && $(AR) rcsD $@ $^

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) $(wildcard lib/wire/*_layout.h)
	@mkdir -p $(@D)
	$(if $Q,@echo "  BPF   $<")
	$Q$(CLANG) $(BPF_CFLAGS) -c -o $@ $< && llvm-strip -g $@

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$Q{ echo "// NOLINTBEGIN: generated" && $(BPFTOOL) gen skeleton $< name $*_bpf && echo "// NOLINTEND"; } > $@

# Binaries: cmd/pt-x.c or cmd/pt-x/*.c
$(BUILD)/bin/%: $$(patsubst $$(p).c,$(BUILD)/$$(p).o,$$(wildcard cmd/$$*.c cmd/$$*/*.c)) $(ARCHIVES)
	@mkdir -p $(@D)
	$(if $Q,@echo "  LD    $@")
	$Q$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

# Test tools share tests/tools/common; the relay is too big for one file.
$(TESTTOOLS): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/tools/common/*.c))
$(BUILD)/tests/tools/relay: $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/relay/*.c))
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(ARCHIVES)
	$(if $Q,@echo "  LD    $@")
	$Q$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

# The same fuzz targets for libFuzzer; for FUZZ_SECONDS each (`make fuzz`), or as briefly as in check.
FUZZ_FLAGS := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -DPT_LIBFUZZER
FUZZ_FLOORS := store probe select tune net wire model base
FUZZ_SECONDS ?= 600
$(BUILD)/fuzz.built: $(wildcard tests/fuzz/*.[ch]) $(wildcard $(FUZZ_FLOORS:%=lib/%/*.[ch]))
	$Q$(MAKE) BUILD=$(BUILD)-fuzz CC="$(CLANG)" WARN=-w CFLAGS="$(FUZZ_FLAGS)" LDFLAGS=-fsanitize=fuzzer \
	    FLOORS="$(FUZZ_FLOORS)" $(FUZZERS:$(BUILD)/%=$(BUILD)-fuzz/%) && touch $@
fuzz: tests $(BUILD)/fuzz.built
	$QPT_HOOKS=libfuzzer PT_FUZZ_SECONDS=$(FUZZ_SECONDS) PT_TEST_TIMEOUT=$$(($(FUZZ_SECONDS) + 120)) \
	    tests/run $(BUILD) fuzz/ $(T)

# Tests: every tier speaks TAP, tests/run adds it up. Built by a make of its own: on all processors.
check:
	$Q$(MAKE) $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc)) tests $(BUILD)/fuzz.built
	$Qtests/run $(BUILD) $(T)

check-san:
	$Q$(MAKE) BUILD=$(BUILD)-san CFLAGS="-O1 -g $(SAN_FLAGS)" tests
	$QASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 \
	    PT_SAN=1 tests/run $(BUILD)-san $(T)

# Everything: sanitizers, lint, the kernels of tests/lane, which skip where they cannot run, and all
# that attaches over clsact.
check-long: check check-san lint
	$QDEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(DEPS_LANE)
	$QPT_LANES=1 PT_TEST_TIMEOUT=2700 tests/run $(BUILD) lane/
	$QPT_LONG=1 PT_TEST_TIMEOUT=1200 tests/run $(BUILD) net/failover-busy net/failover-stopped net/failover-brownout net/failover-many
	$QPT_KILLS=200 PT_TEST_TIMEOUT=1800 tests/run $(BUILD) cli/pt-db-kills
	$QPT_DIFF_COUNT=1000000 tests/run $(BUILD) bpf/steer_differential
	$QPT_HOOKS=clsact tests/run $(BUILD) bpf/ net/
	$Q$(MAKE) fuzz

lint:
	$Qtests/lint $(BUILD) $(L)
demo: tests
	$Qtests/demo $(BUILD)

# What goes where: FILE:DIRECTORY/NAME under prefix
INSTALLED := $(foreach p,$(PAGES),$p:share/man/man$(subst .,,$(suffix $p))/$(notdir $p)) \
             $(foreach t,$(TOOLS),completions/patronus.bash:share/bash-completion/completions/$t) \
             $(foreach u,$(wildcard etc/systemd/*),$u:lib/systemd/system/$(notdir $u)) \
             $(foreach u,$(wildcard etc/sysusers.d/* etc/tmpfiles.d/* etc/udev/rules.d/*),$u:$(patsubst etc/%,lib/%,$u)) \
             $(foreach e,$(wildcard etc/*.yaml etc/*.nft etc/profiles/*),$e:$(patsubst etc/%,share/doc/patronus/%,$e))
install: all
	install -d $(DESTDIR)$(prefix)/bin
	install -m 0755 $(BINS) $(DESTDIR)$(prefix)/bin
	$(foreach i,$(INSTALLED),install -D -m 0644 $(firstword $(subst :, ,$i)) \
	    $(DESTDIR)$(prefix)/$(lastword $(subst :, ,$i));)

uninstall:
	rm -f $(TOOLS:%=$(DESTDIR)$(prefix)/bin/%) \
	    $(foreach i,$(INSTALLED),$(DESTDIR)$(prefix)/$(lastword $(subst :, ,$i)))

clean:
	rm -rf $(BUILD) $(BUILD)-san $(BUILD)-fuzz

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
