#!/usr/bin/env bash
# Makes crates/kinds/facts.txt anew from published packages: PyPI's kubernetes-validate (the schema of a minor
# version with Kubernetes' extensions) and crates.io's k8s-pb (the numbers of the protobuf fields).
set -euo pipefail
cd "$(dirname "$0")/.."

minor=${1:-1.36}
schema_version=1.37.0
messages_version=0.9.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m pip download --quiet --no-deps --dest "$work" "kubernetes-validate==$schema_version"
python3 -m zipfile -e "$work"/kubernetes_validate-*.whl "$work/schema"
curl -sSfL "https://static.crates.io/crates/k8s-pb/k8s-pb-$messages_version.crate" | tar -xz -C "$work"
definitions="$work/schema/kubernetes_validate/kubernetes-json-schema/v$minor.0-local/_definitions.json"
cargo run --quiet -p xtask -- facts "$definitions" "$work/k8s-pb-$messages_version/src" > "$work/facts.txt"
mv "$work/facts.txt" crates/kinds/facts.txt
