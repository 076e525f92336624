#pragma once
// What the programs' command lines share.
#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../core/error.h"
#include "../layers/config.h"
#include "../train/program.h"

namespace six {

// Help in which an option is its name and what its value is, `--batch N`, and the default stands behind the explanation.
class Help : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* o) const override {
    return o->get_option_text().empty() ? "" : ' ' + o->get_option_text();
  }
  std::string make_option_desc(const CLI::Option* o) const override {
    const std::string value = o->get_default_str();
    return o->get_description() + (value.empty() ? "" : " (default: " + value + ')');
  }
};

// ", did you mean --epochs?" if an argument that was not understood looks like an option of the program or its subcommand.
inline std::string near_option(const CLI::App& app) {
  const auto used = app.get_subcommands();
  std::vector<std::string> names;
  for (const CLI::Option* o : (used.empty() ? &app : used.front())->get_options())
    for (const std::string& name : o->get_lnames()) names.push_back("--" + name);
  for (const std::string& argument : app.remaining(true))
    if (argument.starts_with("--")) {
      const std::vector<std::string_view> known(names.begin(), names.end());
      const std::string_view near = nearest(argument.substr(0, argument.find('=')), known);
      return near.empty() ? "" : ", did you mean " + std::string(near) + '?';
    }
  return "";
}

// The exit code if the program is to end now: 0 after --help and --version. Throws Error if the arguments are wrong.
inline std::optional<int> parse_arguments(CLI::App& app, int argc, char** argv) {
  const auto subcommands = app.get_subcommands([](const CLI::App*) { return true; });
  std::vector<std::string_view> names;
  names.reserve(subcommands.size());
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
    fail(e.what(), near_option(app), " (see --help)");
  }
  return std::nullopt;
}

}  // namespace six
