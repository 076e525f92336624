#include "interrupt.h"

#include <atomic>
#include <iterator>

namespace mnist {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
std::atomic<int> came{0};  // the first
static_assert(std::atomic<int>::is_always_lock_free, "in a handler no other atomic is safe");

void note(int signal) {
  int none = 0;
  came.compare_exchange_strong(none, signal);
  if (signal == SIGINT) std::signal(SIGINT, SIG_DFL);
}

}  // namespace

Interrupt::Interrupt() {
  came = 0;
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int number : kSignals) sigaddset(&action.sa_mask, number);  // one interrupting another would be noted before it
  for (std::size_t i = 0; i < std::size(kSignals); ++i) {
    sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

Interrupt::~Interrupt() {
  if (came != 0) return;  // a repeated one may still come, on the way to the exit code
  for (std::size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

int Interrupt::signal() const { return came; }

}  // namespace mnist
