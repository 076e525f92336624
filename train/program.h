#pragma once
#include <functional>
#include <type_traits>

namespace six {

// The whole of a program's main: `return six::run_program("name", [&] { ... });`. Gives its exit code: that of `body`, 0 if it
// returns nothing; report()'s if it throws; 2 if output to stdout was lost. Output that nobody reads any more and files that may
// not grow are failing writes, after which files are cleared away as after any other, not the end of the process. Lost output is an
// error that waits for the end: a training goes on without its lines.
int run_program(const char* name, const std::function<int()>& body);

template <class Body>
requires std::is_void_v<std::invoke_result_t<Body&>>
int run_program(const char* name, Body&& body) {
  return run_program(name, std::function<int()>([&] { return body(), 0; }));
}

}  // namespace six
