#!/bin/sh
# Builds what the image holds into a directory: the program, linked statically, and
# the certificates of public authorities. The Dockerfile runs it, and tests/run.
#
#     deploy/image/build.sh DIRECTORY
set -eu
mkdir -p "${1:?the directory to build into}"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."

# glibc's allocator bears many threads, musl's does not. The target is named so that
# the flags reach the program alone, not the macros it is built with.
host=$(rustc --version --verbose | sed -n 's/^host: //p')
RUSTFLAGS='-C target-feature=+crt-static' \
  cargo build --locked --release --bin livegate --target "$host"

install "${CARGO_TARGET_DIR:-target}/$host/release/livegate" "$out/livegate"
install -m 0644 /etc/ssl/certs/ca-certificates.crt "$out/ca-certificates.crt"
