#include "../../train/progress.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "../data/support.h"

namespace six::test {
namespace {

// Characters, not bytes: bytes that continue one are left out.
int width(const std::string& text) {
  int n = 0;
  for (unsigned char c : text) n += (c & 0xC0) != 0x80;
  return n;
}

StepReport step_report() {
  return {.epoch = 2,
          .epochs = 3,
          .batch = 117,
          .batches = 468,
          .step = 585,
          .batch_loss = 0.2,
          .loss = 0.1234,
          .accuracy = 0.9612,
          .lr = 0.01,
          .grad_norm = 1,
          .images_per_second = 12345.4,
          .seconds_left = 63};
}

EpochReport epoch_report() {
  EpochReport r{.epoch = 2,
                .epochs = 3,
                .step = 936,
                .loss = 0.1234,
                .accuracy = 0.9612,
                .lr = 4.2e-3,
                .grad_norm = 1,
                .images_per_second = 24120,
                .seconds = 2.2,
                .split = "test"};
  Evaluation e{.classes = 2, .loss = 0.0512, .confusion = {3, 1, 0, 4}};
  r.evaluation = e;
  return r;
}

TEST_CASE("the progress line of a training on MNIST fits 80 columns and says it all") {
  const std::string line = progress_line(step_report(), 79);
  CHECK(width(line) <= 79);
  CHECK(contains(line, {"epoch 2/3", " 25 %", "loss 0.1234", "acc  96.12 %", "12,345 img/s", "1:03 left"}));
  CHECK(contains(line, {"█", "░"}));
}

TEST_CASE("no report makes a line that is too wide, at any width") {
  StepReport wide = step_report();
  wide.epoch = 999, wide.epochs = 1000, wide.loss = 12345.6789, wide.images_per_second = 1234567, wide.seconds_left = 98 * 3600;
  StepReport nan = step_report();
  nan.loss = std::nan(""), nan.images_per_second = 0, nan.seconds_left = std::numeric_limits<double>::infinity();
  StepReport huge = step_report();
  huge.loss = 1e300, huge.seconds_left = -1;
  for (const StepReport& r : {step_report(), wide, nan, huge, StepReport{}})
    for (int columns : {0, 1, 10, 40, 79, 120, 500}) CHECK(width(progress_line(r, columns)) <= columns);
  CHECK(contains(progress_line(nan, 79), {"loss nan", "-:-- left"}));
}

TEST_CASE("the bar is as full as the epoch is done") {
  const auto full = [](long batch) {
    StepReport r = step_report();
    r.batch = batch;
    const std::string line = progress_line(r, 200);
    int n = 0;
    for (std::size_t at = line.find("█"); at != std::string::npos; at = line.find("█", at + 1)) ++n;
    return n;
  };
  CHECK(full(0) == 0);
  CHECK(full(234) == 15);
  CHECK(full(468) == 30);
}

TEST_CASE("rows stand under their heads and fit 80 columns") {
  const EpochReport r = epoch_report();
  const std::string head = epoch_header(r), row = epoch_row(r);
  CHECK(width(head) == 79);
  CHECK(width(row) == 79);
  CHECK(contains(head, {"epoch", "train loss", "train acc", "test loss", "test acc", "lr", "images/s", "time"}));
  CHECK(contains(row, {"0.1234", "96.12 %", "0.0512", "87.50 %", "4.20e-03", "24,120", "0:02"}));
  EpochReport without = r;
  without.evaluation.reset();
  CHECK(contains(epoch_row(without), {" - "}));
  CHECK_FALSE(contains(epoch_row(without), {"0.0512"}));
}

TEST_CASE("times and large numbers") {
  CHECK(clock_text(0) == "0:00");
  CHECK(clock_text(7.4) == "0:07");
  CHECK(clock_text(59.7) == "1:00");
  CHECK(clock_text(754) == "12:34");
  CHECK(clock_text(3723) == "1:02:03");
  CHECK(clock_text(-1) == "-:--");
  CHECK(clock_text(std::nan("")) == "-:--");
  CHECK(clock_text(1e9) == "-:--");
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(1234567) == "1,234,567");
  CHECK(grouped(-1234) == "-1,234");
  CHECK(grouped(-123) == "-123");
}

TEST_CASE("what is no terminal gets plain lines: rows under one head, no control characters") {
  const TempFolder folder;
  const std::string path = folder / "out";
  std::FILE* out = std::fopen(path.c_str(), "w");
  REQUIRE(out != nullptr);
  {
    ProgressDisplay display(out);
    for (int i = 0; i < 50; ++i) display.step(step_report());
    display.epoch(epoch_report());
    display.epoch(epoch_report());
    display.line("done");
  }
  std::fclose(out);
  const std::string r = epoch_row(epoch_report());
  CHECK(take(path) == epoch_header(epoch_report()) + '\n' + r + '\n' + r + "\ndone\n");
}

}  // namespace
}  // namespace six::test
