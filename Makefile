# Each target is a preset of CMakePresets.json or a script of cmake/. Missing Debian packages are
# installed when run as root, else named with the command that installs them.

PREFIX ?= /usr/local

.PHONY: build static static-arm64 demo check check-deep check-asan check-tsan check-all fuzz bench bench-limits fmt fmt-check lint tidy install clean

build:
	@cmake/packages.sh build
	@cmake/build.sh release vstate

# One program that runs on any Linux of this machine's kind, at build/static/vstate.
static:
	@cmake/packages.sh build static
	@VSTATE_TESTS=OFF cmake/build.sh static vstate

# The same for arm64, at build/static-arm64/vstate.
static-arm64:
	@cmake/packages.sh build static arm64
	@cmake/sysroot.sh arm64 build/sysroot-arm64
	@VSTATE_TESTS=OFF cmake/build.sh static-arm64 vstate

demo: build
	@cmake/packages.sh demo
	@examples/demo.sh build/release/vstate

check:
	@cmake/packages.sh build test
	@cmake/check.sh release

# Every kill point, every fault of every read, 10,000 untidy servers, 1,000 swaps, every layout of every
# database, 10,000 histories of a mailbox, 200 connections that are cut; the rest of it as make check.
check-deep:
	@cmake/packages.sh build test
	@VSTATE_DEEP=1 VSTATE_HISTORIES=$${VSTATE_HISTORIES:-10000} cmake/check.sh release

check-asan:
	@cmake/packages.sh build test
	@cmake/check.sh asan

# What works with several threads, under the thread sanitizer.
check-tsan:
	@cmake/packages.sh build test
	@cmake/check.sh tsan -R '^unit$$|pull_test|batch_test|increments_test|live_source_test|many_test|sftp_test'

# Each parser of foreign bytes for VSTATE_FUZZ_SECONDS, with libFuzzer; FUZZ="mbox tar" runs some.
fuzz:
	@cmake/packages.sh build test fuzz
	@cmake/build.sh fuzz fuzzers
	@python3 cmake/fuzz.py build/fuzz $(FUZZ)

check-all: check check-asan demo tidy

bench: build
	@cmake/packages.sh build test
	@bench/run
	@bench/pull
	@bench/sql
	@bench/many
	@bench/remote
	@bench/limits

# The largest domain, server, mailbox, message and file; takes an hour, and 12 GiB of disk.
bench-limits: build
	@cmake/packages.sh build test
	@bench/limits

fmt:
	@cmake/packages.sh optional
	@cmake/format.sh

fmt-check:
	@cmake/format.sh --check

lint:
	@cmake/packages.sh lint optional
	@cmake/lint.sh
	@cmake/format.sh --check

tidy:
	@cmake/packages.sh build test optional
	@cmake/tidy.sh

install: build
	@cmake --install build/release --prefix "$(PREFIX)"

clean:
	rm -rf build
