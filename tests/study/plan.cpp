#include "../../examples/study/plan.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "../../examples/study/progress.h"
#include "../data/support.h"

using namespace six::study;
using six::test::message_of;

TEST_CASE("a full study has the runs that its design names, a quick one a part of them") {
  std::map<std::string, int> runs;
  std::set<std::string> names;
  double images = 0;
  for (const Run& r : plan({.mode = Mode::full, .train_images = 55000})) {
    ++runs[r.part], names.insert(r.name());
    images += double(r.epochs) * double(r.images);
  }
  CHECK(runs ==
        std::map<std::string, int>{
            {"clip", 18}, {"control", 2}, {"kink", 72}, {"lr", 30}, {"main", 24}, {"nobn", 12}, {"pact", 12}, {"scale", 48}});
  CHECK(names.size() == 218);
  CHECK(images / 60000 == doctest::Approx(232).epsilon(0.01));  // epochs of 60,000, without what follows the training
  for (const Run& r : plan({.train_images = 55000})) {
    CHECK(r.images <= 20000);
    CHECK(names.contains(r.name()));
  }
  for (const Run& r : plan({.digits = true, .train_images = 1200})) CHECK((r.images == 1200 && r.epochs == 15));
}

TEST_CASE("arms, parts and seeds may be chosen") {
  const std::vector<Run> runs = plan({.train_images = 55000, .seeds = 2, .arms = {"relu6"}, .parts = {"main", "kink"}});
  REQUIRE(runs.size() == 8);
  CHECK(runs[0].name() == "main/relu6/1");
  CHECK(runs[1].name() == "main/relu6/2");
  CHECK(runs[3].name() == "kink/relu6/bn/k0.5/1");
  CHECK(runs[3].file() == "kink-relu6-bn-k0.5-1");
  CHECK(reference_of(runs[3]) == "kink/relu6/bn/k0/1");
  CHECK(reference_of(runs[1]) == "main/relu/2");
  CHECK(reference_of({.part = "control", .arm = "relu"}) == "main/relu/1");
  CHECK(message_of([] { plan({.train_images = 100, .arms = {"relu7"}}); }) ==
        "there is no arm relu7, did you mean relu? (arms: relu, relu6, pact, relu1, relu2, relu4, relu_n1e9)");
  CHECK(
      message_of([] { plan({.train_images = 100, .parts = {"mian"}}); }).starts_with("there is no part mian, did you mean main?"));
  CHECK(message_of([] { plan({.train_images = 100, .arms = {"pact"}}); }) == "nothing to run: no part of this mode has these arms");
}

TEST_CASE("a line of progress has at most 79 columns") {
  CHECK(progress_line(3, 188, 0.255, 125, "main/relu6/7") == "   3 of 188 runs   26 %  2:05 left  main/relu6/7");
  CHECK(progress_line(0, 188, 0, -1, std::string(100, 'x')).size() == 79);
}
