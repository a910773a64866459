# Brings the tools of the checks: each function makes sure of one, installs it
# where it is missing, and says how to get it where it cannot. Sourced by
# tests/run, which sets $tools, the directory to keep them in.
# shellcheck shell=bash
tools=${tools:?the directory to keep tools in}

die() { # MESSAGE
  echo "tests/run: $*" >&2
  exit 1
}

# Asks Debian; where the lists of packages are missing or old, fetches them first.
apt() { # ARGUMENT...
  local ask=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root)
  "${ask[@]}" "$@" && return
  "${ask[@]}" update
  "${ask[@]}" "$@"
}

# Installs Debian packages unless the check passes already.
debian() { # PACKAGES CHECK...
  local packages
  read -ra packages <<<"$1"
  if "${@:2}" >/dev/null 2>&1; then return; fi
  if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    die "'${*:2}' fails here, for want of what Debian calls $1: install it (sudo apt-get install $1), then run this again"
  fi
  apt install -y --no-install-recommends "${packages[@]}"
}

rust_tools() {
  command -v cargo >/dev/null || die "missing: cargo. https://rustup.rs installs it"
  command -v cc >/dev/null || die "missing: cc, a C compiler. On Debian: apt-get install gcc libc6-dev"
}

cxx_tools() {
  debian g++ c++ --version
}

# Whether cargo-deny is at hand. Cargo would build it for several minutes: who does
# not have it goes without, and tests/architecture holds what it can.
has_cargo_deny() {
  if cargo deny --version >/dev/null 2>&1; then return; fi
  echo 'SKIPPED for want of cargo-deny: cargo install cargo-deny --locked'
  return 1
}

python_tools() {
  python_packages python tests/foreign/requirements.txt
}

deploy_tools() {
  python_packages deploy tests/deploy/requirements.txt
}

checkov_tools() {
  python_packages checkov tests/deploy/checkov.txt
}

# A directory of its own with the Python packages that a file lists.
python_packages() { # DIRECTORY WANTED
  local home="$tools/$1" wanted=$2
  if cmp -s "$wanted" "$home/installed.txt"; then return; fi
  debian 'python3 python3-venv' python3 -c 'import venv, ensurepip'
  python3 -m venv --clear "$home"
  "$home/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
  cp "$wanted" "$home/installed.txt"
}

# Whether buildah is at hand, or can be had; CI goes without nothing.
has_buildah() {
  if (
    debian buildah buildah --version &&
      debian openssl openssl version &&
      debian ca-certificates test -r /etc/ssl/certs/ca-certificates.crt
  ); then return; fi
  if [[ -n ${CI:-} ]]; then die "missing: buildah, which CI must have"; fi
  echo 'SKIPPED for want of buildah: https://buildah.io tells how to install it'
  return 1
}

# Whether kustomize is at hand. No registry that this file asks has a present one:
# who has none goes without what needs it, but for CI.
has_kustomize() {
  if kubectl kustomize --help >/dev/null 2>&1; then return; fi
  if [[ -n ${CI:-} ]]; then die "missing: kubectl, which CI must have"; fi
  echo 'SKIPPED for want of kubectl: https://kubernetes.io/docs/tasks/tools has it'
  return 1
}

# The packages, where Node looks for them from the tests, and buf on the PATH.
node_tools() {
  local wanted=tests/foreign/package-lock.json
  ln -sfn "$tools/node/node_modules" tests/foreign/node_modules
  ln -sf "$tools/node/node_modules/.bin/buf" "$tools/bin/buf"
  debian nodejs node --version
  if cmp -s "$wanted" "$tools/node/installed.json"; then return; fi
  debian npm npm --version
  mkdir -p "$tools/node"
  cp tests/foreign/package.json "$wanted" "$tools/node"
  npm ci --prefix "$tools/node" --loglevel=error --ignore-scripts --no-audit --no-fund
  cp "$wanted" "$tools/node/installed.json"
}

# The package redis-server would start a service. Its program lies in
# redis-tools too: which one it is depends on the name it is called by.
redis_server() {
  if command -v redis-server >/dev/null; then return; fi
  debian redis-tools test -x /usr/bin/redis-check-rdb
  ln -sf /usr/bin/redis-check-rdb "$tools/bin/redis-server"
}

# Prometheus and promtool. Unpacked, not installed: the package would start a service.
promtool_tools() {
  if command -v promtool >/dev/null && command -v prometheus >/dev/null; then return; fi
  command -v apt-get >/dev/null || die "missing: promtool, which comes with Prometheus: put it on the PATH"
  mkdir -p "$tools/prometheus"
  (
    cd "$tools/prometheus" || exit
    apt download prometheus
    dpkg -x prometheus_*.deb .
    rm prometheus_*.deb
  )
  ln -sf "$tools/prometheus/usr/bin/prometheus" "$tools/prometheus/usr/bin/promtool" "$tools/bin"
}
