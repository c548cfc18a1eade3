#!/usr/bin/env bash
# make clean-demo: what make demo made on this machine goes; the caches stay.
set -euo pipefail
cd "$(dirname "$0")/.."
kubeup=.venv/bin/kubeup
if [ -x "$kubeup" ]; then
    if "$kubeup" lab status >/dev/null 2>&1; then
        "$kubeup" down --yes --no-snapshot profiles/lab.yaml || echo "the cluster could not be taken down; its nodes go all the same"
    fi
    "$kubeup" lab down --purge
fi
