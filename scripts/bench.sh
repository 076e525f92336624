#!/usr/bin/env bash
# scripts/bench.sh: builds the benchmark and prints what a training step, inference and each kernel cost.
# scripts/bench.sh --peers [options]: PyTorch, ONNX Runtime, OpenVINO and LiteRT side by side with it; see --peers --help.
start=$PWD
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# put MODULE PACKAGE: into the virtual environment, unless it is there. Not having it is no failure: the comparison names the
# peers that are left out.
put() {
  "$venv/bin/python" -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$1') is None)" && return 0
  echo "installing $2 for the comparison"
  "$venv/bin/python" -m pip install --quiet "$2" || echo "$2 could not be installed; what needs it will be left out" >&2
}

# peers [options]: its own are --venv and --no-litert; compare.py knows the others.
peers() {
  local venv=$root/build/peers-venv litert=yes arguments=(--out "$root/build/peers") module
  while [ $# -gt 0 ]; do
    case $1 in
      --venv) [ $# -gt 1 ] || die "--venv needs a folder"; venv=$(cd -- "$start" && realpath -m -- "$2"); shift ;;
      --no-litert) litert=no; arguments+=(--runtimes "torch,onnxruntime,openvino") ;;
      -h | --help) exec python3 -B bench/peers/compare.py --help ;;
      *) arguments+=("$1") ;;
    esac
    shift
  done
  need build peers
  configure release
  cmake --build build/release --parallel "$jobs" --target bench mnist
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  for module in torch numpy safetensors onnx onnxruntime openvino; do put $module $module; done
  if [ $litert = yes ]; then
    put ai_edge_litert ai-edge-litert
    put tensorflow tensorflow-cpu  # writes the files that LiteRT reads
  fi
  cd -- "$start"  # relative paths in the arguments are the caller's
  exec "$venv/bin/python" -B "$root/bench/peers/compare.py" --programs "$root/build/release/bin" "${arguments[@]}"
}

if [ "${1:-}" = --peers ]; then
  shift
  peers "$@"
fi
[ $# -eq 0 ] || die "usage: scripts/bench.sh [--peers [options]]"
need build
configure release
cmake --build build/release --parallel "$jobs" --target bench
for net in m28 m14; do
  for threads in 1 2; do build/release/bin/bench step --net $net --threads $threads; echo; done
  build/release/bin/bench infer --net $net; echo
  build/release/bin/bench infer --net $net --batch 256 --threads 2 --runs 100; echo
done
build/release/bin/bench kernels
