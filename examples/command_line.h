#pragma once
// What the programs' command lines share: bad input is one line on stderr and exit code 2, a loss that is not finite exit code 3.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../layers/config.h"
#include "../train/trainer.h"

namespace six {

// The exit code if the program is to end now: 0 after --help and --version. Throws Error if the arguments are wrong.
inline std::optional<int> parse_arguments(CLI::App& app, int argc, char** argv) {
  const auto subcommands = app.get_subcommands([](const CLI::App*) { return true; });
  std::vector<std::string_view> names;
  for (const CLI::App* s : subcommands) names.push_back(s->get_name());
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (!names.empty() && !first.empty() && first[0] != '-' && std::find(names.begin(), names.end(), first) == names.end()) {
    const std::string_view near = nearest(first, names);
    fail("there is no subcommand ", first, near.empty() ? "" : ", did you mean ", near, near.empty() ? "" : "?", " (see --help)");
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    fail(e.what(), " (see --help)");
  }
  return std::nullopt;
}

// Runs a program's body and turns what it throws into a line and an exit code.
inline int run_program(const char* name, const std::function<int()>& body) {
  const auto failed = [&](const char* what, int code) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %s\n", name, what);
    return code;
  };
  try {
    return body();
  } catch (const NonFinite& e) {
    return failed(e.what(), 3);
  } catch (const Error& e) {
    return failed(e.what(), 2);
  } catch (const std::bad_alloc&) {
    return failed("not enough memory", 2);
  }
}

}  // namespace six
