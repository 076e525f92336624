#include "interrupt.h"

#include <iterator>

namespace mnist {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t came = 0, noted[std::size(kSignals)] = {};  // noted: not ignored by whoever started the program

void note(int signal) {
  came = signal;
  for (std::size_t i = 0; i < std::size(kSignals); ++i)
    if (noted[i]) std::signal(kSignals[i], SIG_DFL);
}

}  // namespace

Interrupt::Interrupt() {
  came = 0;
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < std::size(kSignals); ++i) {
    sigaction(kSignals[i], nullptr, &before_[i]);
    noted[i] = before_[i].sa_handler != SIG_IGN;
    if (noted[i]) sigaction(kSignals[i], &action, nullptr);
  }
}

Interrupt::~Interrupt() {
  for (std::size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

int Interrupt::signal() const { return came; }

}  // namespace mnist
