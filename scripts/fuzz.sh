#!/usr/bin/env bash
# scripts/fuzz.sh [INPUTS [TARGET...]]: feeds each reader of files with INPUTS inputs (2 million unless given) made by libFuzzer from
# tests/fuzz/corpus, under AddressSanitizer and UndefinedBehaviorSanitizer. What it finds stays in build/fuzz/found, what it learns
# in build/fuzz/corpus, from where the next run goes on.
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

inputs=${1:-2000000}
[[ $inputs =~ ^[0-9]+$ ]] || die "usage: scripts/fuzz.sh [INPUTS [TARGET...]]"
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cd tests/fuzz/corpus && printf '%s\n' *)

need build torture
configure fuzz
cmake --build build/fuzz --parallel "$jobs" --target "${targets[@]/#/fuzz_}"
mkdir -p build/fuzz/found build/fuzz/logs

# fuzz TARGET: one line of what came of it.
fuzz() {
  local target=$1 learnt=build/fuzz/corpus/$1 log=build/fuzz/logs/$1.log found="nothing found" status=0
  mkdir -p "$learnt"
  "build/fuzz/bin/fuzz_$target" -runs="$inputs" -max_len=4096 -timeout=300 -report_slow_units=300 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/found/$target-" "$learnt" "tests/fuzz/corpus/$target" >"$log" 2>&1 || status=1 found="FOUND, see $log"
  printf '%-12s %10s inputs, %6s a second, %5s files in the corpus: %s\n' "$target" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")" \
    "$(find "$learnt" -type f | wc -l)" "$found"
  return $status
}
export -f fuzz
export inputs
printf '%s\n' "${targets[@]}" | xargs -n 1 -P "$jobs" bash -c 'fuzz "$1"' fuzz
