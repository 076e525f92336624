#!/usr/bin/env bash
# scripts/check_consumer.sh find_package|add_subdirectory: an outside project uses the library, installed under a prefix with a
# space in its name, or as a subfolder.
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

way=${1:?find_package or add_subdirectory}
place=$(mktemp -d)
trap 'rm -rf -- "$place"' EXIT
cp -r tests/consumer "$place/project"
case $way in
  find_package)
    cmake --install build/release --prefix "$place/my prefix"
    options=("-DCMAKE_PREFIX_PATH=$place/my prefix")
    ;;
  add_subdirectory) options=("-DSIXGRAD_SOURCE=$root") ;;
  *) die "unknown way $way" ;;
esac
cmake -G Ninja -S "$place/project" -B "$place/project/build" "${options[@]}"
cmake --build "$place/project/build"
cd -- "$place"
"$place/project/build/consumer"
"$place/project/build/consumer_f64"
