#!/usr/bin/env bash
# scripts/check_consumer.sh find_package|float_only|add_subdirectory: an outside project uses the library, installed under a prefix
# with a space in its name, with or without the double library, or as a subfolder.
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

way=${1:?find_package, float_only or add_subdirectory}
place=$(mktemp -d)
trap 'rm -rf -- "$place"' EXIT
cp -r tests/consumer "$place/project"
case $way in
  find_package)
    cmake --install build/release --prefix "$place/my prefix"
    options=("-DCMAKE_PREFIX_PATH=$place/my prefix" -DSIXGRAD_COMPONENTS=f64)
    ;;
  float_only)  # as scripts/train.sh leaves the build
    f64=build/release/libsixgrad_f64.a
    if [ -e "$f64" ]; then
      mv "$f64" "$place/"
      trap 'mv "$place/libsixgrad_f64.a" "$root/$f64"; rm -rf -- "$place"' EXIT
    fi
    cmake --install build/release --prefix "$place/my prefix"
    options=("-DCMAKE_PREFIX_PATH=$place/my prefix")
    ! cmake -G Ninja -S "$place/project" -B "$place/project/refused" "${options[@]}" -DSIXGRAD_COMPONENTS=f64 ||
      die "the component f64 was found, although it is not installed"
    ;;
  add_subdirectory) options=("-DSIXGRAD_SOURCE=$root") ;;
  *) die "unknown way $way" ;;
esac
cmake -G Ninja -S "$place/project" -B "$place/project/build" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "${options[@]}"
# Nobody has named a build type: the library is optimised all the same.
[ $way != add_subdirectory ] || grep -q -e ' -O2 ' "$place/project/build/compile_commands.json" || die "no command compiles the library"
! grep '"command"' "$place/project/build/compile_commands.json" | grep -v 'consumer[_f64]*\.dir' | grep -v -e ' -O[23] ' ||
  die "these commands compile without optimisation"
cmake --build "$place/project/build"
cd -- "$place"
"$place/project/build/consumer"
[ $way = float_only ] || "$place/project/build/consumer_f64"
