#!/bin/sh
# Joins the images of all architectures, signs them, attests their SBOM, and publishes the
# files of the release with checksums. It needs docker, cosign, gh, and an OpenID token of
# GitHub for signatures without a key.
#
#     deploy/release/publish.sh ghcr.io/OWNER/livegate v0.1.0
set -eu
image=${1:?the repository of the image}
tag=${2:?the tag}
version=${tag#v}
cd "$(dirname "$0")/../.."

digest_of() { # TAG
  docker buildx imagetools inspect "$image:$1" --format '{{ .Manifest.Digest }}'
}

docker buildx imagetools create --tag "$image:$version" "$image:$version-amd64" "$image:$version-arm64"
digest=$(digest_of "$version")
assets=$(mktemp -d)
deploy/release/assets.py "$assets" "$image" "$digest"

cosign sign --yes "$image@$digest"
for architecture in amd64 arm64; do
  cosign attest --yes --type cyclonedx --predicate "$assets/livegate-$architecture.cdx.json" \
    "$image@$(digest_of "$version-$architecture")"
done
cosign sign-blob --yes --bundle "$assets/SHA256SUMS.sigstore.json" "$assets/SHA256SUMS"

sed -n "/^## \\[$version\\]/,/^## \\[/{//!p}" CHANGELOG.md >"$assets.notes"
gh release create "$tag" --verify-tag --title "$tag" --notes-file "$assets.notes" "$assets"/*
