#!/usr/bin/env bash
# scripts/study.sh [arguments of relu6_study]: installs what is missing, builds, runs the study. See `scripts/study.sh --help`.
start=$PWD
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

need build study
configure release
cmake --build build/release --parallel "$jobs" --target relu6_study
cd -- "$start"  # relative paths in the arguments are the caller's
exec "$root/build/release/bin/relu6_study" "$@"
