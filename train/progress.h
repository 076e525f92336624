#pragma once
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include "report.h"

namespace six {

// The lines a training shows. All are at most `columns` wide, counted in characters.

// One line that is painted over again and again: how far, loss, accuracy, speed, time left. The bar takes the room that is left.
std::string progress_line(const StepReport& report, int columns);
// The row of an epoch, and the heads of its columns.
std::string epoch_header(const EpochReport& report);
std::string epoch_row(const EpochReport& report);
// Seconds as 0:07, 12:34 or 1:02:03; "-:--" if unknown (negative, not finite) or above 99 hours.
std::string clock_text(double seconds);
// 1234567 as 1,234,567.
std::string grouped(long number);

// Shows a training on a stream. On a terminal the progress line is live; elsewhere (a file, a pipe) it is printed as a plain line,
// every ten seconds at most, every tenth of an epoch at most. Each epoch leaves a row.
class ProgressDisplay {
 public:
  explicit ProgressDisplay(std::FILE* out);
  ~ProgressDisplay();  // leaves the cursor on an empty line
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  void step(const StepReport& report);
  void epoch(const EpochReport& report);
  // A line among the others.
  void line(std::string_view text);

 private:
  using Clock = std::chrono::steady_clock;
  void clear();

  std::FILE* out_;
  bool terminal_, painted_ = false, headed_ = false;
  Clock::time_point last_;
  long last_step_ = 0;
};

}  // namespace six
