#!/usr/bin/env bash
# scripts/test.sh: everything that checks the project in some minutes; the slow checks are in scripts/torture.sh.
# The last line is `N passed, N failed`; the exit code is 0 only if all of it ran and nothing failed.
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
source scripts/steps.sh

need build check study

step format scripts/check_format.sh
step "tests of the checks" python3 -m unittest discover -q -s tests/scripts
step layering scripts/check_layering.py
step limits scripts/check_limits.py
step names scripts/check_names.py

step configure configure release -DSIX_WERROR=ON -DSIX_TESTS=ON -DSIX_PRECISIONS=float -DSIX_EXAMPLES=ON
step build cmake --build build/release --parallel "$jobs"
step "headers compile alone" scripts/check_headers.py --build build/release
step flags scripts/check_flags.py --build build/release
ctest_step tests release
step "README.md" scripts/readme_snippets.py --build build/release
step "docs/CONFIG.md" scripts/readme_snippets.py --build build/release docs/CONFIG.md
step consumer scripts/check_consumer.sh float_only

# In double, for the checks that need it; scripts/torture.sh has both precisions with and without sanitizers.
step "configure with sanitizers" configure sanitize-quick -DSIX_WERROR=ON -DSIX_PRECISIONS=double
step "build in double, with sanitizers" cmake --build build/sanitize-quick --parallel "$jobs" --target tests_f64
ctest_step "tests in double, with sanitizers" sanitize-quick -L '^f64$'
complete=yes
