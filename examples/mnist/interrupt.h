#pragma once
#include <array>
#include <csignal>

namespace mnist {

// From its construction on, SIGINT, SIGTERM and SIGHUP are only noted; but a second SIGINT ends the program as usual. The others
// come more than once by themselves, from `timeout` or a terminal that closes, and must not end what the first one began. One that
// was ignored before, as in the background of a shell, stays ignored. If none came, the end of the object's life ends this too.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  int signal() const;  // the first that came, 0 if none did

 private:
  std::array<struct sigaction, 3> before_;
};

}  // namespace mnist
