#!/bin/sh
# Builds the content of the image into a directory: the program, linked statically,
# and the certificates of public authorities. The Dockerfile and tests/run call it.
#
#     deploy/image/build.sh DIRECTORY
#     FEATURES=simulator deploy/image/build.sh DIRECTORY   # adds `demo` and `simulate`
#     SOURCE_COMMIT=... deploy/image/build.sh DIRECTORY    # the commit in the version
set -eu
mkdir -p "${1:?the directory to build into}"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."

# The target is glibc, because musl's allocator is slow with many threads. It is named
# so that RUSTFLAGS apply to the program alone, not to procedural macros.
host=$(rustc --version --verbose | sed -n 's/^host: //p')
RUSTFLAGS='-C target-feature=+crt-static' \
  cargo build --locked --release --bin livegate --target "$host" \
  --no-default-features --features "${FEATURES:-}"

install "${CARGO_TARGET_DIR:-target}/$host/release/livegate" "$out/livegate"
install -m 0644 /etc/ssl/certs/ca-certificates.crt "$out/ca-certificates.crt"
