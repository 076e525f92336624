#!/usr/bin/env bash
# scripts/torture.sh [INPUTS]: the slow checks, with a table at the end: clang, all tests under the sanitizers of both compilers, threads,
# memcheck, clang-tidy, 200 kills, a long run, and fuzzing with that many inputs per format (2 million unless given).
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
source scripts/steps.sh

need build check torture

# build_and_test PRESET: everything of a preset.
build_and_test() {
  step "configure $1" configure "$1" -DSIX_WERROR=ON
  step "build $1" cmake --build "build/$1" --parallel "$jobs"
  ctest_step "tests $1" "$1"
}

memcheck() {
  local out
  out=$(mktemp -d)
  cmake --build build/release --parallel "$jobs" --target mnist
  valgrind --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=definite \
    build/release/bin/mnist train --config examples/configs/digits.json --epochs 1 --threads 1 --out "$out/run"
  rm -rf -- "$out"
}

tidy() {
  python3 -c 'import json; print("\n".join(sorted({e["file"] for e in json.load(open("build/clang/compile_commands.json"))})))' |
    grep -v "^$root/build/" | xargs -d '\n' -n 1 -P "$jobs" clang-tidy --quiet --warnings-as-errors='*' -p build/clang
}

# A short training, its C file compiled in every way at hand; without MNIST there is nothing to compare on.
emitted_c() {
  local out
  out=$(mktemp -d)
  build/release/bin/mnist train --config mobilenet_tiny --epochs 1 --out "$out/run"
  python3 scripts/check_deploy.py "$out/run" --data "${MNIST_DIR:?set MNIST_DIR to the folder of MNIST}"
  rm -rf -- "$out"
}

build_and_test release
step "the same bits" scripts/check_bits.py build/release/bin/mnist --config mobilenet_28 --epochs 1
build_and_test clang
build_and_test sanitize
build_and_test clang-sanitize
build_and_test tsan
if has_program aarch64-linux-gnu-g++ && has_program qemu-aarch64; then
  step "configure aarch64" configure aarch64 -DSIX_WERROR=ON
  step "build aarch64" cmake --build build/aarch64 --parallel "$jobs"
  step "training, aarch64" qemu-aarch64 -L /usr/aarch64-linux-gnu build/aarch64/bin/mnist train --config digits --epochs 1 \
    --threads 1 --out build/aarch64/run --overwrite
  ctest_step "tests aarch64" aarch64 -L 'f32|f64'
else
  report "tests aarch64" "no cross compiler" 0
fi
step memcheck memcheck
step "emitted C" emitted_c
step clang-tidy tidy
step "consumer, add_subdirectory" scripts/check_consumer.sh add_subdirectory
step "soak, 100,000 steps" env SIX_SOAK_STEPS=100000 build/release/bin/tests_f32 --test-case='soak*'
step "kill -9, 200 runs" env OMP_WAIT_POLICY=passive python3 -B tests/cli/kill_loop.py build/release/bin/mnist 200
step fuzzing scripts/fuzz.sh "${1:-2000000}"
complete=yes
printf '\n%s\n' "${table[@]}"
