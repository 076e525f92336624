// The corpus of each fuzz target, and some thousand inputs made from it, the same ones every time.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <vector>

#include "../../core/real.h"
#include "../../data/file.h"
#include "../golden_json.h"
#include "targets.h"

namespace six::test {
namespace {

constexpr int kMutants = 4000;
constexpr const char* kOtherPrecision = sizeof(real) == 4 ? "float64" : "float32";

using FileBytes = std::vector<std::uint8_t>;

std::map<std::string, FileBytes> corpus_of(const std::string& target) {
  std::map<std::string, FileBytes> files;
  for (const auto& entry : std::filesystem::directory_iterator(test_folder() + "/fuzz/corpus/" + target))
    files[entry.path().filename().string()] = read_file(entry.path().string());
  return files;
}

// One to four small changes, or a piece of another file put in.
FileBytes mutant(const FileBytes& from, const FileBytes& other, std::mt19937& random) {
  FileBytes to = from;
  const auto below = [&](std::size_t n) { return n ? random() % n : 0; };
  for (std::size_t changes = 1 + below(4); changes; --changes) {
    const std::size_t at = below(to.size() + 1), n = std::min(below(9), to.size() - at);
    const auto place = to.begin() + std::ptrdiff_t(at);
    switch (below(7)) {
      case 0:
        to.erase(place, place + std::ptrdiff_t(n));
        break;
      case 1:
        to.insert(place, 1 + below(4), std::uint8_t(random()));
        break;
      case 2:
        to.resize(at);
        break;
      case 3: {
        const std::size_t begin = below(other.size()), end = begin + below(std::min<std::size_t>(64, other.size() - begin) + 1);
        to.insert(place, other.begin() + std::ptrdiff_t(begin), other.begin() + std::ptrdiff_t(end));
        break;
      }
      case 4:
        if (at < to.size()) to[at] = std::uint8_t(random());
        break;
      case 5:
        if (at < to.size()) to[at] = "0123456789-.[]{}\":,"[below(19)];
        break;
      default:
        if (at < to.size()) to[at] = std::uint8_t(to[at] ^ (1u << below(8)));
    }
  }
  return to;
}

TEST_CASE("fuzz: every file of the corpus, and what is made from it, is accepted or refused by an Error") {
  for (const FuzzTarget& target : fuzz_targets()) {
    CAPTURE(target.name);
    const auto corpus = corpus_of(target.name);
    REQUIRE(corpus.size() >= 3);
    std::vector<const FileBytes*> files;
    for (const auto& [name, bytes] : corpus) {
      CAPTURE(name);
      bool accepted = false;
      REQUIRE_NOTHROW(accepted = target.run(bytes));
      // The others are named after the check that refuses them. Checkpoints and the range of numbers are of one precision.
      CHECK(accepted == (name.starts_with("good") && name.find(kOtherPrecision) == name.npos));
      files.push_back(&bytes);
    }
    std::mt19937 random(1);
    long accepted = 0;
    for (int i = 0; i < kMutants; ++i) {
      const FileBytes bytes = mutant(*files[random() % files.size()], *files[random() % files.size()], random);
      CAPTURE(i);
      REQUIRE_NOTHROW(accepted += target.run(bytes));
    }
    CHECK(accepted > 0);
    CHECK(accepted < kMutants);
  }
}

}  // namespace
}  // namespace six::test
