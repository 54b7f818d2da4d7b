#!/usr/bin/env bash
# build_image.sh TAG…: build the image, with labels that name its code and its model, and write its bill of
# materials to build/sbom.cdx.json.
#
# From the environment: MODEL_SPEC (census), DATA_SOURCE (auto), PLATFORM (this machine's), PYTHON_IMAGE,
# and, for the build alone, PIP_CONF (a pip.conf with a private index) and CA_FILE (another CA, as PEM).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -gt 0 ] || { echo "usage: infra/build_image.sh TAG…" >&2; exit 2; }

# A model depends on these alone: a commit that changes other files does not train it again.
model_inputs=(model_build app/core)
ask_git() { git "$@" 2>/dev/null || true; } # an archive without .git can be built too
commit=$(ask_git log -1 --format=%H -- "${model_inputs[@]}")
[ -z "$(ask_git status --porcelain -- "${model_inputs[@]}")" ] || commit=$commit-dirty

options=(
  --build-arg "MODEL_SPEC=${MODEL_SPEC:-census}"
  --build-arg "DATA_SOURCE=${DATA_SOURCE:-auto}"
  --build-arg "GIT_COMMIT=$commit"
)
[ -z "${PLATFORM:-}" ] || options+=(--platform "$PLATFORM")
[ -z "${PYTHON_IMAGE:-}" ] || options+=(--build-arg "PYTHON_IMAGE=$PYTHON_IMAGE")
[ -z "${PIP_CONF:-}" ] || options+=(--secret "id=pip.conf,src=$PIP_CONF")
[ -z "${CA_FILE:-}" ] || options+=(--secret "id=ca.pem,src=$CA_FILE")
if docker buildx version >/dev/null 2>&1; then
  build() { docker buildx build "${options[@]}" "$@" .; }
  load=(--load)
else
  build() { DOCKER_BUILDKIT=1 docker build "${options[@]}" "$@" .; }
  load=()
fi

model=$(mktemp -d)
trap 'rm -rf "$model"' EXIT
build --target model --output "type=local,dest=$model"
from_contract() { # KEY…: a value of contract.json
  python3 -c 'import functools, json, sys; print(functools.reduce(dict.get, sys.argv[2:], json.load(open(sys.argv[1]))))' \
    "$model/contract.json" "$@"
}

image=()
for tag in "$@"; do image+=(--tag "$tag"); done
label() { [ -z "$2" ] || image+=(--label "$1=$2"); }
label org.opencontainers.image.version "$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' app/__init__.py)"
label org.opencontainers.image.revision "$(ask_git rev-parse HEAD)"
label org.opencontainers.image.source "$(ask_git remote get-url origin | sed 's#//[^/@]*@#//#')"
label org.opencontainers.image.created "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
label model.version "$(from_contract model_version)"
label model.sha256 "$(from_contract files model.onnx)"
label model.data-source "$(from_contract provenance data_source)"
build ${load[@]+"${load[@]}"} "${image[@]}"
build --target sbom --output type=local,dest=build # the bill of materials: build/sbom.cdx.json
