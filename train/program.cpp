#include "program.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "../core/error.h"

namespace six {

int run_program(const char* name, const std::function<int()>& body) {
  std::signal(SIGPIPE, SIG_IGN), std::signal(SIGXFSZ, SIG_IGN);
  // A file must not get the number of a stream that is closed; this way round, reading and writing it still fail.
  for (const int fd : {0, 1, 2})
    if (::fcntl(fd, F_GETFD) == -1 && ::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) return 2;
  int code = 1;
  try {
    code = body();
  } catch (const std::exception& e) {
    code = report(name, e);
  }
  errno = 0;
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return code;
  const int error = errno;
  if (code == 0)
    std::fprintf(stderr, "%s: the output cannot be written%s%s\n", name, error ? ": " : "", error ? std::strerror(error) : "");
  return code ? code : 2;
}

}  // namespace six
