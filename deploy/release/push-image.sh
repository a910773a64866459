#!/bin/sh
# Builds the image for one architecture, on a machine of that architecture, and pushes it with
# an SBOM and the provenance of the build.
#
#     deploy/release/push-image.sh ghcr.io/OWNER/livegate 0.1.0 amd64
set -eu
image=${1:?the repository of the image}
version=${2:?the version}
architecture=${3:?amd64 or arm64}
cd "$(dirname "$0")/../.."

docker buildx create --use --driver docker-container
docker buildx build --push --file deploy/image/Dockerfile \
  --platform "linux/$architecture" --tag "$image:$version-$architecture" \
  --provenance mode=max --sbom true \
  --build-arg "VERSION=$version" --build-arg "SOURCE_COMMIT=$(git rev-parse HEAD)" \
  --build-arg "SOURCE_URL=${GITHUB_SERVER_URL:-}/${GITHUB_REPOSITORY:-}" .
