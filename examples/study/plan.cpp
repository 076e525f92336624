#include "plan.h"

#include <algorithm>
#include <limits>

#include "../../core/error.h"
#include "../../layers/config.h"
#include "table.h"

namespace six::study {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr Arm kArms[] = {{"relu", kInfinite}, {"relu6", 6}, {"pact", 6, true}, {"relu1", 1},
                         {"relu2", 2},        {"relu4", 4}, {"relu_n1e9", 1e9}};

struct Size {  // no seeds: not in this mode
  int seeds = 0, epochs = 1;
  long images = 0;
};
// All combinations of what is listed.
struct Part {
  const char* name;
  std::vector<const char*> arms = {"relu", "relu6"};
  std::vector<bool> bn = {true};
  std::vector<double> at_kink = {0}, input_scale = {1}, lr_factor = {1};
  Size quick, full;
  Grid grid = Grid::none;
  bool tunes = false;
};
const std::vector<Part>& parts() {
  static const std::vector<Part> all = {
      {.name = "lr", .lr_factor = {0.25, 0.5, 1, 2, 4}, .quick = {}, .full = {3, 1, 10000}},
      {.name = "main", .quick = {6, 1, 20000}, .full = {12, 3, 55000}, .grid = Grid::all, .tunes = true},
      {.name = "control", .arms = {"relu", "relu_n1e9"}, .quick = {1, 1, 20000}, .full = {1, 3, 55000}},
      {.name = "pact", .arms = {"pact"}, .quick = {}, .full = {12, 3, 55000}, .grid = Grid::primary},
      {.name = "clip", .arms = {"relu1", "relu2", "relu4"}, .quick = {}, .full = {6, 3, 55000}, .grid = Grid::primary},
      {.name = "nobn", .bn = {false}, .quick = {1, 1, 20000}, .full = {6, 3, 55000}, .grid = Grid::primary},
      {.name = "scale", .bn = {true, false}, .input_scale = {0.25, 1, 4, 16}, .quick = {}, .full = {3, 1, 20000}},
      {.name = "kink", .bn = {true, false}, .at_kink = {0, 0.5, 1}, .quick = {1, 1, 1280}, .full = {6, 1, 20000}},
  };
  return all;
}
constexpr int kDigitsEpochs = 15;  // a set of 1,437 images

std::string text(double x) { return Cell(x).text(); }

bool chosen(const std::vector<std::string>& only, const char* name) {
  return only.empty() || std::find(only.begin(), only.end(), name) != only.end();
}

void require_known(const std::vector<std::string>& given, const char* what, const std::vector<std::string_view>& known) {
  for (const std::string& name : given) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string_view near = nearest(name, known);
    std::string list;
    for (std::string_view k : known) list += (list.empty() ? "" : ", ") + std::string(k);
    fail("there is no ", what, ' ', name, near.empty() ? "" : ", did you mean ", near, near.empty() ? "" : "?", " (", what,
         "s: ", list, ')');
  }
}

std::vector<std::string_view> arm_names() {
  std::vector<std::string_view> names;
  for (const Arm& a : kArms) names.push_back(a.name);
  return names;
}

}  // namespace

bool Arm::clipped() const { return clip < 1e9; }

std::span<const Arm> arms() { return kArms; }

const Arm& arm_of(std::string_view name) {
  require_known({std::string(name)}, "arm", arm_names());
  return *std::find_if(std::begin(kArms), std::end(kArms), [&](const Arm& a) { return a.name == name; });
}

std::string Run::name() const {
  std::string words = part + '/' + arm;
  if (part == "scale" || part == "kink") words += bn ? "/bn" : "/nobn";
  if (part == "scale") words += "/x" + text(input_scale);
  if (part == "kink") words += "/k" + text(at_kink);
  if (part == "lr") words += "/f" + text(lr_factor);
  return words + '/' + std::to_string(seed);
}

std::string Run::file() const {
  std::string words = name();
  std::replace(words.begin(), words.end(), '/', '-');
  return words;
}

std::string reference_of(const Run& run) {
  Run other = run;
  if (arm_of(run.arm).learned) return run.name();  // with clips among its parameters it is another from the start
  if (run.part == "kink")
    other.at_kink = 0;
  else
    other.arm = "relu";
  if (run.part == "control" || run.part == "clip") other.part = "main";
  return other.name();
}

std::vector<Run> plan(const PlanOptions& o) {
  std::vector<std::string_view> part_names;
  for (const Part& p : parts()) part_names.push_back(p.name);
  require_known(o.arms, "arm", arm_names());
  require_known(o.parts, "part", part_names);
  std::vector<Run> runs;
  for (const Part& p : parts()) {
    const Size& size = o.mode == Mode::quick ? p.quick : p.full;
    if (!chosen(o.parts, p.name)) continue;
    Run run{.part = p.name, .epochs = o.digits ? kDigitsEpochs : size.epochs, .images = std::min(size.images, o.train_images)};
    const int seeds = o.seeds ? std::min(o.seeds, size.seeds) : size.seeds;
    for (const char* arm : p.arms)
      for (bool bn : p.bn)
        for (double kink : p.at_kink)
          for (double scale : p.input_scale)
            for (double factor : p.lr_factor)
              for (int seed = 1; seed <= seeds && chosen(o.arms, arm); ++seed) {
                const bool whole = o.mode == Mode::full || seed == 1;
                run.arm = arm, run.bn = bn, run.at_kink = kink, run.input_scale = scale, run.lr_factor = factor, run.seed = seed;
                run.grid = whole ? p.grid : std::min(p.grid, Grid::primary), run.tunes = o.mode == Mode::full && p.tunes;
                runs.push_back(run);
              }
  }
  require(!runs.empty(), "nothing to run: no part of this mode has these arms");
  return runs;
}

}  // namespace six::study
