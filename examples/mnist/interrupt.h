#pragma once
#include <array>
#include <csignal>

namespace mnist {

// For the length of its life, the first SIGINT, SIGTERM or SIGHUP is only noted; the second ends the program as usual. One that was
// ignored before, as in the background of a shell, stays ignored.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  int signal() const;  // the one that came, 0 if none did

 private:
  std::array<struct sigaction, 3> before_;
};

}  // namespace mnist
