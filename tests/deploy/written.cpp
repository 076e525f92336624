// The files of a deployment, on a disk that fails once or from one system call on: every call in turn.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "../../deploy/deploy.h"
#include "../data/support.h"

namespace six::test {
namespace {

const std::vector<std::string> kOrder = {"net.h", "net.c", "report.json", "report.txt", "logits"};  // in which they become new
const std::vector<std::string> kSorted = {"logits", "net.c", "net.h", "report.json", "report.txt"};

void write_version(const TempFolder& folder, const std::string& version) {
  Deployment d;
  d.files.header = version + kOrder[0], d.files.source = version + kOrder[1];
  d.json = version + kOrder[2], d.text = version + kOrder[3];
  const std::string logits = version + kOrder[4];
  write_deployment(d, "net", folder.path(), {{folder / kOrder[4], {logits}}});
}

TEST_CASE("faults: no file of a deployment is new unless all could be written") {
  for (const bool lasts : {false, true})
    for (const int error : {ENOSPC, EIO}) {
      long before = 0, between = 0;
      for (long k = lasts ? 0 : 1;; ++k) {  // the first call looks for what others left, and may fail
        const TempFolder folder;
        write_version(folder, "old ");
        std::string message, failed;
        long renamed = 0;
        {
          const FaultyFiles faulty({.at = k, .error = error, .lasts = lasts, .most = 5});
          message = message_of([&] { write_version(folder, "new "); });
          const std::vector<std::string>& calls = FaultyFiles::calls();
          if (k >= long(calls.size())) break;
          failed = calls[std::size_t(k)], renamed = std::count(calls.begin(), calls.begin() + k, "rename");
        }
        CAPTURE(lasts);
        CAPTURE(k);
        CAPTURE(failed);
        CHECK(folder.names() == kSorted);
        for (std::size_t i = 0; i < kOrder.size(); ++i)
          CHECK(take(folder / kOrder[i]) == (long(i) < renamed ? "new " : "old ") + kOrder[i]);
        const bool safe = failed == "close" && (renamed || message == "no error");  // of a folder
        if (!safe) CHECK(contains(message, {folder.path(), std::strerror(error)}));
        if (renamed > 0 && renamed < long(kOrder.size())) CHECK(failed == "rename");
        before += renamed == 0, between += renamed > 0 && renamed < long(kOrder.size());
      }
      CHECK(before > 20);
      CHECK(between == 4);  // no more than that: a rename that fails after another
    }
}

}  // namespace
}  // namespace six::test
