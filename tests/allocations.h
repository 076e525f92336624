#pragma once

namespace six::test {

// How often `operator new` was called so far, on all threads.
long allocations();

}  // namespace six::test
