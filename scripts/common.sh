# shellcheck shell=bash
# Shared by the scripts of this folder: where the project is, and what a machine must have.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd -- "$root"
export jobs root
jobs=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

has_program() { command -v "$1" >/dev/null 2>&1; }
has_header() { for header in "$@"; do echo "#include <$header>" | c++ -std=c++20 -E -x c++ - >/dev/null 2>&1 && return 0; done; return 1; }

# missing_packages ROLE...: the Debian packages that are not there for `build`, `check`, `study`, `peers` or `torture`, one a line.
missing_packages() {
  local role
  for role in "$@"; do
    case $role in
      build)
        has_program c++ || echo g++
        has_program cmake || echo cmake
        has_program ninja || echo ninja-build
        has_header zlib.h || echo zlib1g-dev
        has_header png.h || echo libpng-dev
        has_header nlohmann/json.hpp || echo nlohmann-json3-dev
        has_header CLI/CLI.hpp || echo libcli11-dev
        has_program curl || has_program wget || echo curl
        [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -d /etc/pki ] || echo ca-certificates
        ;;
      check)
        has_program git || echo git
        has_header Eigen/Core eigen3/Eigen/Core || echo libeigen3-dev
        has_header doctest/doctest.h doctest.h || echo doctest-dev
        has_program python3 || echo python3
        has_program clang-format || echo clang-format
        has_program gnuplot || echo gnuplot-nox
        ;;
      study)
        has_header boost/math/distributions/students_t.hpp || echo libboost-dev
        has_program gnuplot || echo gnuplot-nox
        ;;
      peers)
        has_program python3 || echo python3
        python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
        # PyTorch compiles against it.
        python3 -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null || echo python3-dev
        ;;
      torture)
        has_program clang++ || echo clang
        [ -n "$(find /usr/lib /usr/local/lib -name 'libomp.so*' -print -quit 2>/dev/null)" ] || echo libomp-dev
        has_program clang-tidy || echo clang-tidy
        has_program valgrind || echo valgrind
        # For emitted C on other processors; with the C library where it runs.
        has_program qemu-arm || echo qemu-user
        has_program arm-linux-gnueabihf-gcc || printf '%s\n' gcc-arm-linux-gnueabihf libc6-dev-armhf-cross
        has_program aarch64-linux-gnu-g++ || printf '%s\n' g++-aarch64-linux-gnu libc6-dev-arm64-cross
        has_program riscv64-linux-gnu-gcc || printf '%s\n' gcc-riscv64-linux-gnu libc6-dev-riscv64-cross
        has_program arm-none-eabi-gcc || printf '%s\n' gcc-arm-none-eabi libnewlib-arm-none-eabi
        has_program avr-gcc || printf '%s\n' gcc-avr avr-libc
        ;;
    esac
  done
}

# need ROLE...: installs what is missing on Debian and Ubuntu, as root or through sudo; elsewhere names the packages and stops.
need() {
  local missing run=()
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  has_program apt-get || die "These packages are missing (by their Debian names): ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    has_program sudo || die "These packages are missing; as root, run: apt-get install ${missing[*]}"
    run=(sudo)
  fi
  echo "installing ${missing[*]}"
  "${run[@]}" apt-get update -q
  "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -eq 0 ] || die "Still missing after the installation: ${missing[*]}"
}

# configure PRESET [options of cmake]: silent unless it fails.
configure() {
  local preset=$1 log
  shift
  if ! log=$(cmake --preset "$preset" "$@" 2>&1); then die "$log"; fi
}
