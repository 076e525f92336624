#!/usr/bin/env bash
# scripts/check_format.sh: the C++ files that git tracks are as clang-format 14 would write them.
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

format=$(command -v clang-format-14 || command -v clang-format) || die "clang-format is missing"
if ! "$format" --version | grep -q 'version 14\.'; then
  echo "not checked: the reference is clang-format 14, this is $("$format" --version)"
  exit 0
fi
mapfile -t files < <(git ls-files '*.h' '*.cpp')
[ ${#files[@]} -gt 0 ] || die "git knows no C++ files"
"$format" --dry-run -Werror "${files[@]}"
echo "format: ${#files[@]} files"
