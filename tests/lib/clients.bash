# The compilers and gRPC libraries of callers in Go and Java, for the step `clients`.
# tests/run sources this file after tools.bash.
# shellcheck shell=bash
tools=${tools:?the directory for the tools}

# The compiler of contracts, and the types of Google that contracts import.
protoc_tools() {
  debian 'protobuf-compiler libprotobuf-dev' test -x /usr/bin/protoc -a -r /usr/include/google/protobuf/descriptor.proto
}

# Debian 13 has the gRPC of Go as sources, and the backports of Debian 12 a compiler that is
# new enough. They are unpacked beside each other and not installed.
go_tools() {
  local wanted=tests/lib/go-packages.txt home=$tools/go
  if cmp -s "$wanted" "$home/installed.txt"; then return; fi
  protoc_tools
  rm -rf "$home"
  mkdir -p "$home/lists/partial" "$home/cache/archives/partial" "$home/packages"
  local mirror packages package
  # shellcheck disable=SC2016 # apt-get expands it
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -n 1)
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
    "$mirror" trixie "$mirror" bookworm-backports >"$home/sources.list"
  local lists=(
    -o "Dir::Etc::sourcelist=$home/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$home/lists" -o "Dir::Cache=$home/cache"
  )
  apt "${lists[@]}" update
  mapfile -t packages < <(grep -v '^#' "$wanted")
  (cd "$home/packages" && apt "${lists[@]}" download "${packages[@]}")
  for package in "$home"/packages/*.deb; do dpkg-deb -x "$package" "$home/root"; done
  rm -r "$home/packages" "$home/lists" "$home/cache"
  cp "$wanted" "$home/installed.txt"
}

java_tools() {
  debian 'openjdk-17-jdk-headless' javac -version
  protoc_tools
  debian protobuf-compiler-grpc-java-plugin test -x /usr/bin/grpc_java_plugin
  local libraries='libgrpc-java libprotobuf-java libgoogle-common-protos-java libnetty-java libperfmark-java'
  libraries+=' libgoogle-gson-java libguava-java libgeronimo-annotation-1.3-spec-java'
  # Netty of Debian has TLS for HTTP/2 only with OpenSSL, whose library it looks for under
  # another name.
  libraries+=' libnetty-tcnative-java'
  debian "$libraries" test -r /usr/share/java/grpc-netty.jar -a -r /usr/share/java/gson.jar \
    -a -r /usr/share/java/netty-tcnative.jar
  mkdir -p "$tools/java"
  cp "$(dpkg -L libnetty-tcnative-jni | grep '\.so$')" "$tools/java/libnetty_tcnative.so"
}
