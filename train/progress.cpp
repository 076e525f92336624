#include "progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace six {
namespace {

constexpr int kDefaultColumns = 80, kLeastBar = 4, kMostBar = 30;
constexpr std::chrono::milliseconds kRepaint{100};
constexpr std::chrono::seconds kPlainLine{10};

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

// "96.12 %"; a mean over no images has no percentage.
std::string percent(double fraction) { return format("%6.2f %%", 100 * fraction); }

std::string bar(double fraction, int width) {
  const int full = int(std::clamp(fraction, 0.0, 1.0) * width);
  std::string text;
  for (int i = 0; i < width; ++i) text += i < full ? "█" : "░";
  return text;
}

int columns_of(std::FILE* out) {
  winsize size{};
  return ::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kDefaultColumns;
}

bool is_terminal(std::FILE* out) {
  const char* kind = std::getenv("TERM");
  return ::isatty(::fileno(out)) && kind && std::string_view(kind) != "dumb";
}

}  // namespace

std::string grouped(long number) {
  std::string text = std::to_string(number);
  for (int at = int(text.size()) - 3; at > (number < 0); at -= 3) text.insert(std::size_t(at), ",");
  return text;
}

std::string clock_text(double seconds) {
  if (!(seconds >= 0 && seconds < 99 * 3600)) return "-:--";
  const long s = std::lround(seconds);
  if (s < 3600) return format("%ld:%02ld", s / 60, s % 60);
  return format("%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

std::string progress_line(const StepReport& r, int columns) {
  const double done = r.batches ? double(r.batch) / double(r.batches) : 0;
  const std::string head = format("epoch %ld/%ld ", r.epoch, r.epochs);
  const std::string tail =
      format(" %3.0f %%  loss %.4f  acc %s  %s img/s  %s left", 100 * done, r.loss, percent(r.accuracy).c_str(),
             grouped(std::lround(r.images_per_second)).c_str(), clock_text(r.seconds_left).c_str());
  const int room = columns - int(head.size() + tail.size());
  std::string text = head + (room >= kLeastBar ? bar(done, std::min(room, kMostBar)) : "") + tail;
  if (room < 0) text.resize(std::size_t(std::max(columns, 0)));  // no bar in it: one byte a character
  return text;
}

std::string epoch_header(const EpochReport& r) {
  const std::string split = r.split.substr(0, 5);
  return format("%5s %11s %10s %11s %10s %9s %9s %7s", "epoch", "train loss", "train acc", (split + " loss").c_str(),
                (split + " acc").c_str(), "lr", "images/s", "time");
}

std::string epoch_row(const EpochReport& r) {
  std::string loss = "-", accuracy = "-";
  if (r.evaluation) loss = format("%.4f", r.evaluation->loss), accuracy = percent(r.evaluation->accuracy());
  return format("%5ld %11.4f %10s %11s %10s %9.2e %9s %7s", r.epoch, r.loss, percent(r.accuracy).c_str(), loss.c_str(),
                accuracy.c_str(), r.lr, grouped(std::lround(r.images_per_second)).c_str(),
                clock_text(r.seconds + r.evaluation_seconds).c_str());
}

ProgressDisplay::ProgressDisplay(std::FILE* out) : out_(out), terminal_(is_terminal(out)), last_(Clock::now()) {}
ProgressDisplay::~ProgressDisplay() { clear(); }

void ProgressDisplay::step(const StepReport& report) {
  const Clock::time_point now = Clock::now();
  const bool due =
      terminal_ ? now - last_ >= kRepaint : now - last_ >= kPlainLine && (report.step - last_step_) * 10 >= report.batches;
  if (!due) return;
  last_ = now, last_step_ = report.step;
  if (!terminal_) return line(progress_line(report, kDefaultColumns));
  // One column is left free: a full line would make some terminals wrap.
  const std::string text = progress_line(report, columns_of(out_) - 1);
  std::fprintf(out_, "\r%s\x1b[K", text.c_str());
  std::fflush(out_);
  painted_ = true;
}

void ProgressDisplay::epoch(const EpochReport& report) {
  if (!std::exchange(headed_, true)) line(epoch_header(report));
  line(epoch_row(report));
}

void ProgressDisplay::line(std::string_view text) {
  clear();
  std::fprintf(out_, "%.*s\n", int(text.size()), text.data());
  std::fflush(out_);
}

void ProgressDisplay::clear() {
  if (std::exchange(painted_, false)) std::fputs("\r\x1b[K", out_), std::fflush(out_);
}

}  // namespace six
