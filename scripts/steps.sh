# shellcheck shell=bash disable=SC2154
# Steps of a test script: each is timed and counted; what fails shows its log. A script that ends early has failed.
logs=$root/build/logs
mkdir -p "$logs"
passed=0 failed=0 complete=no table=()

finish() {
  if [ $complete != yes ]; then
    echo "stopped before the end"
    failed=$((failed + 1))
  fi
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ] && exit 0
  exit 1
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

# log_of NAME: the log file of a step.
log_of() { printf '%s/%s.log' "$logs" "${1//[^A-Za-z0-9_.-]/_}"; }

# report NAME RESULT SECONDS: a line now, and one for the summary.
report() {
  local line
  line=$(printf '%-34s %-24s %5d s' "$1" "$2" "$3")
  table+=("$line")
  printf '%s\n' "$line"
}

# step NAME COMMAND...: one check.
step() {
  local name=$1 log begin=$SECONDS status
  log=$(log_of "$name")
  shift
  set +e  # not `if`: there, a command that fails in the middle of a function would be passed over
  (set -e; "$@") >"$log" 2>&1 </dev/null
  status=$?
  set -e
  if [ $status -eq 0 ]; then
    passed=$((passed + 1))
    report "$name" ok $((SECONDS - begin))
  else
    failed=$((failed + 1))
    report "$name" FAILED $((SECONDS - begin))
    tail -n 60 "$log" | sed 's/^/    /'
  fi
}

# ctest_step NAME PRESET [options of ctest]: each of its tests is a check; none at all is a failure.
ctest_step() {
  local name=$1 preset=$2 log begin=$SECONDS status=0 bad=0 all=0 skipped
  log=$(log_of "$name")
  shift 2
  ctest --preset "$preset" --output-on-failure --no-tests=error -j "$jobs" "$@" >"$log" 2>&1 </dev/null || status=$?
  if [[ $(grep -E 'tests? failed out of' "$log") =~ ([0-9]+)\ tests?\ failed\ out\ of\ ([0-9]+) ]]; then
    bad=${BASH_REMATCH[1]} all=${BASH_REMATCH[2]}
  fi
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ] || [ "$all" -eq 0 ]; then bad=$((bad + 1)) all=$((all + 1)); fi
  skipped=$(grep -c '\*\*\*Skipped' "$log" || true)
  passed=$((passed + all - bad - skipped)) failed=$((failed + bad))
  report "$name" "$([ "$bad" -eq 0 ] && echo "ok, $((all - skipped))$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")" || echo "FAILED, $bad of $all")" $((SECONDS - begin))
  [ "$bad" -eq 0 ] || tail -n 100 "$log" | sed 's/^/    /'
}
