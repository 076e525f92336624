#pragma once
// What the programs' command lines share.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "../core/error.h"
#include "../layers/config.h"
#include "../train/environment.h"
#include "../train/program.h"

namespace six {

// Help of at most 80 columns in which an option is its name and what its value is, `--batch N`, and the default stands behind the
// explanation.
class Help : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* o) const override {
    return o->get_option_text().empty() ? "" : ' ' + o->get_option_text();
  }
  std::string make_option_desc(const CLI::Option* o) const override {
    const std::string value = o->get_default_str();
    return wrapped(o->get_description() + (value.empty() ? "" : " (default: " + value + ')'));
  }

 private:
  std::string wrapped(const std::string& text) const {
    std::istringstream words(text);
    std::string lines, line;
    for (std::string word; words >> word; line += word) {
      if (!line.empty() && line.size() + 1 + word.size() > 80 - get_column_width()) lines += line + '\n', line.clear();
      if (!line.empty()) line += ' ';
    }
    return lines + line;
  }
};

// An option with a value: its name, what stands for the value in the help, what it is, its default in words.
template <class T>
CLI::Option* add(CLI::App& app, const std::string& name, T& value, const std::string& text, const std::string& what,
                 const std::string& by_default = "") {
  return app.add_option(name, value, what)->option_text(text)->default_str(by_default);
}
// One whose default is the present value.
template <class T>
CLI::Option* add_with_default(CLI::App& app, const std::string& name, T& value, const std::string& text, const std::string& what) {
  return app.add_option(name, value, what)->option_text(text)->capture_default_str();
}
// One of several words.
inline CLI::Option* add_choice(CLI::App& app, const std::string& name, std::string& value, const std::vector<std::string>& words,
                               const std::string& what) {
  return add_with_default(app, name, value, CLI::detail::join(words, "|"), what)->check(CLI::IsMember(words));
}

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
  const auto help = std::make_shared<Help>();
  app.formatter(help);
  for (CLI::App* s : app.get_subcommands([](const CLI::App*) { return true; })) s->formatter(help);
  app.set_version_flag("--version", std::string(library_version()) + " (" + precision() + ", " + instruction_set() + ")");
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
