#!/usr/bin/env bash
# scripts/torture.sh [PART...]: the slow checks, all of them or the parts named, with a table at the end. SIX_FUZZ_INPUTS is the
# number of inputs per format (2 million unless given). The table of the last run of each part stays in build/logs/torture.
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
source scripts/steps.sh

known=(release clang sanitize tsan arm memcheck emitted tidy consumer soak kill faults fuzz)
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=("${known[@]}")
for part in "${parts[@]}"; do
  [[ " ${known[*]} " == *" $part "* ]] || { complete=yes && trap - EXIT && die "no part \"$part\"; the parts are: ${known[*]}"; }
done
need build check torture

# built PRESET PRECISIONS TARGET...: a preset is there, with these targets.
built() {
  local preset=$1 precisions=$2
  shift 2
  configure "$preset" -DSIX_WERROR=ON "-DSIX_PRECISIONS=$precisions"
  cmake --build "build/$preset" --parallel "$jobs" --target "$@"
}

# build_and_test PRESET PRECISIONS THOROUGH: everything of a preset; with 1 the tests take every case, otherwise the daily part: under
# a sanitizer more of the same lengths and numbers takes hours and runs no other code.
build_and_test() {
  step "build $1" built "$1" "$2" all
  SIX_THOROUGH=$3 ctest_step "tests $1" "$1"
}

memcheck() {
  local out
  out=$(mktemp -d)
  valgrind --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=definite \
    build/release/bin/mnist train --config examples/configs/digits.json --epochs 1 --threads 1 --out "$out/run"
  rm -rf -- "$out"
}

# The library in float and the programs; the checks and what is left out of them stand in .clang-tidy.
tidy() {
  mkdir -p build/tidy/float
  python3 - "$root/build" >build/tidy/float/files <<'PYTHON'
import json, sys
build = sys.argv[1]
commands = json.load(open(f"{build}/tidy/compile_commands.json"))
commands = [c for c in commands if "SIX_REAL=double" not in c["command"] and not c["file"].startswith(f"{build}/")]
json.dump(commands, open(f"{build}/tidy/float/compile_commands.json", "w"))
print(*sorted({c["file"] for c in commands}), sep="\n")
PYTHON
  xargs -d '\n' -n 1 -P "$jobs" clang-tidy --quiet --warnings-as-errors='*' -p build/tidy/float <build/tidy/float/files
}

# A short training, its C file compiled in every way at hand; without MNIST there is nothing to compare on.
emitted_c() {
  local out
  out=$(mktemp -d)
  build/release/bin/mnist train --config mobilenet_tiny --epochs 1 --out "$out/run"
  python3 scripts/check_deploy.py "$out/run" --data "${MNIST_DIR:?set MNIST_DIR to the folder of MNIST}"
  rm -rf -- "$out"
}

# A second architecture changes the system, which is left to its owner.
arm_libraries() {
  [ "$(aarch64-linux-gnu-g++ -print-file-name=libpng.so)" != libpng.so ] || [ -e /usr/lib/aarch64-linux-gnu/libpng.so ] ||
    die "zlib and libpng for 64-bit ARM are missing; on Debian: dpkg --add-architecture arm64 && apt-get update && apt-get install zlib1g-dev:arm64 libpng-dev:arm64"
}

# In an emulator, where threads that wait for each other take minutes: the kernels, ops, layers and the integer networks, one thread.
arm() {
  step "libraries for aarch64" arm_libraries
  step "build aarch64" built aarch64 float tests_f32 mnist
  step "training, aarch64" qemu-aarch64 -L /usr/aarch64-linux-gnu build/aarch64/bin/mnist train --config digits --epochs 1 \
    --threads 1 --out build/aarch64/run --overwrite
  OMP_THREAD_LIMIT=1 ctest_step "tests aarch64" aarch64 -R "$arm_tests"
}
arm_tests='^f32/(core/(kernels|relu6|relu6_tape|math|quantization|golden_ops|ops/.*)|layers/(blocks|inference|round_trip)|deploy/(emulator|memory_plan|calibrate))$'

run_part() {
  case $1 in
    release)
      build_and_test release "float;double" 1
      step "the same bits" scripts/check_bits.py build/release/bin/mnist --config mobilenet_28 --epochs 1
      ;;
    clang)
      build_and_test clang float ''
      step "build clang, double" built clang double sixgrad_f64
      ;;
    sanitize) build_and_test sanitize "float;double" '' ;;
    tsan) build_and_test tsan "float;double" '' ;;
    arm) arm ;;
    memcheck) step memcheck memcheck ;;
    emitted) step "emitted C" emitted_c ;;
    tidy)
      step "configure tidy" configure tidy
      step clang-tidy tidy
      ;;
    consumer)
      step "build libraries" built release "float;double" sixgrad sixgrad_f64 mnist
      for way in find_package float_only add_subdirectory; do step "consumer, $way" scripts/check_consumer.sh "$way"; done
      ;;
    soak) step "soak, 100,000 steps" env SIX_SOAK_STEPS=100000 build/release/bin/tests_f32 --test-case='soak*' ;;
    kill) step "kill -9, 200 runs" env OMP_WAIT_POLICY=passive python3 -B tests/cli/kill_loop.py build/release/bin/mnist 200 ;;
    faults)
      step "faults and failing allocations, all" env SIX_THOROUGH=1 build/release/bin/tests_f32 \
        --source-file='*/faults.cpp,*/tests/train/out_of_memory.cpp,*/tests/train/checkpoint*.cpp'
      ;;
    fuzz) step fuzzing scripts/fuzz.sh "${SIX_FUZZ_INPUTS:-2000000}" ;;
  esac
}

mkdir -p "$logs/torture"
version=$(git describe --always --dirty 2>/dev/null || echo "no git")  # of the source that a stored line is about
for part in "${parts[@]}"; do
  case $part in memcheck | emitted | soak | kill | faults)
    built release "float;double" tests_f32 mnist deploy >"$logs/torture.log" 2>&1 || { tail -n 60 "$logs/torture.log" && die "the release build failed"; }
    ;;
  esac
  first=${#table[@]}
  run_part "$part"
  printf '%s\n' "${table[@]:first}" | sed "s/\$/  $version/" >"$logs/torture/$part"
done
complete=yes
printf '\n'
for part in "${known[@]}"; do
  [ ! -f "$logs/torture/$part" ] || cat "$logs/torture/$part"
done
