#include "progress.h"

#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "../../train/progress.h"

namespace six::study {
namespace {
constexpr int kColumns = 79;
constexpr std::chrono::milliseconds kRepaint{200};
constexpr std::chrono::seconds kPlainLine{10};
}  // namespace

std::string progress_line(long finished, long runs, double share, double seconds_left, const std::string& run) {
  char text[256];
  std::snprintf(text, sizeof text, "%4ld of %ld runs  %3.0f %%  %s left  %s", finished, runs, 100 * share,
                clock_text(seconds_left).c_str(), run.c_str());
  return std::string(text).substr(0, kColumns);
}

Progress::Progress(std::FILE* out, long runs, double cost, int workers)
    : out_(out), terminal_(::isatty(::fileno(out))), runs_(runs), cost_(cost), working_(std::size_t(workers)) {}
Progress::~Progress() { clear(); }

void Progress::at(int worker, const std::string& run, double cost, double share) {
  const std::lock_guard lock(mutex_);
  working_[std::size_t(worker)] = share < 1 ? cost * share : 0;
  if (share >= 1) ++finished_, done_ += cost;
  const Clock::time_point now = Clock::now();
  if (now - last_ < (terminal_ ? Clock::duration(kRepaint) : Clock::duration(kPlainLine))) return;
  last_ = now;
  paint(run);
}

void Progress::paint(const std::string& run) {
  const double done = std::accumulate(working_.begin(), working_.end(), done_);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
  const std::string text = progress_line(finished_, runs_, cost_ > 0 ? std::min(1., done / cost_) : 1,
                                         done > 0 ? seconds * (cost_ - done) / done : -1, run);
  std::fprintf(out_, terminal_ ? "\r%s\x1b[K" : "%s\n", text.c_str());
  std::fflush(out_);
  painted_ = terminal_;
}

void Progress::line(const std::string& text) {
  const std::lock_guard lock(mutex_);
  clear();
  std::fprintf(out_, "%s\n", text.c_str()), std::fflush(out_);
}

void Progress::clear() {
  if (painted_) std::fputs("\r\x1b[K", out_), std::fflush(out_);
  painted_ = false;
}

}  // namespace six::study
