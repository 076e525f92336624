#pragma once
#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <vector>

namespace six::study {

// How far a study is and the time left, for workers to tell: one line painted over on a terminal, else a plain line every ten
// seconds. At most 79 columns.
class Progress {
 public:
  Progress(std::FILE* out, long runs, double cost, int workers);
  ~Progress();
  // A worker is at this share of a run of this cost; 1: it is done.
  void at(int worker, const std::string& run, double cost, double share);
  void line(const std::string& text);

 private:
  void paint(const std::string& run);
  void clear();

  using Clock = std::chrono::steady_clock;
  std::mutex mutex_;
  std::FILE* out_;
  bool terminal_, painted_ = false;
  long runs_, finished_ = 0;
  double cost_, done_ = 0;
  std::vector<double> working_;  // cost done in the present run of each worker
  Clock::time_point begin_ = Clock::now(), last_ = begin_;
};
std::string progress_line(long finished, long runs, double share, double seconds_left, const std::string& run);

}  // namespace six::study
