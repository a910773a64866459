# Builds the content of the image. tests/run sources this file, and sets $target, the
# directory of Cargo.
# shellcheck shell=bash
target=${target:?the directory of Cargo}

# Builds the content of the image from the files that .dockerignore admits, which checks
# that file too. A lock admits one build at a time; the second one finds it done.
build_image() { # DIRECTORY
  local context=$target/image-context
  exec 9>"$target/image.lock"
  flock 9
  rm -rf "$context"
  printf 'FROM scratch\nCOPY . /\n' >"$1/all"
  buildah --root "$1/store/root" --runroot "$1/store/run" --storage-driver vfs \
    build --isolation chroot --output "type=local,dest=$context" --file "$1/all" . >/dev/null
  SOURCE_COMMIT=$(git rev-parse HEAD) CARGO_TARGET_DIR=$target \
    "$context/deploy/image/build.sh" "$1/build/out" 9>&-
  exec 9>&-
}

# The image takes longest to build, and the steps before it mostly wait, so it is built
# meanwhile at idle priority.
build_image_early() {
  local work
  chrt --idle --pid 0 "$BASHPID"
  work=$(mktemp -d)
  build_image "$work"
  rm -r "$work"
}
