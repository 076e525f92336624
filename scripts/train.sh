#!/usr/bin/env bash
# scripts/train.sh [arguments of `mnist train`]: installs what is missing, builds, trains; --help, once it is built, lists them.
start=$PWD
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

need build
configure release
cmake --build build/release --parallel "$jobs" --target mnist
cd -- "$start"  # relative paths in the arguments are the caller's
exec "$root/build/release/bin/mnist" train "$@"
