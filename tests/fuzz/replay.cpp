// The corpus of each fuzz target, and some thousand inputs made from it, the same ones every time.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <sstream>
#include <vector>

#include "../../core/real.h"
#include "../../data/file.h"
#include "../golden_json.h"
#include "targets.h"

namespace six::test {
namespace {

constexpr int kMutants = 4000;
// Checkpoints and the range of numbers are of one precision; what is of the other may be refused for that alone.
constexpr const char* kOtherPrecision = sizeof(real) == 4 ? "float64" : "float32";
constexpr const char* kOfTheOther = "this program computes in";

using FileBytes = std::vector<std::uint8_t>;

std::map<std::string, FileBytes> corpus_of(const std::string& target) {
  std::map<std::string, FileBytes> files;
  for (const auto& entry : std::filesystem::directory_iterator(test_folder() + "/fuzz/corpus/" + target))
    files[entry.path().filename().string()] = read_file(entry.path().string());
  return files;
}

// Why each file is refused: `target/file: a part of the message`, one a line.
std::map<std::string, std::string> refusals() {
  std::map<std::string, std::string> parts;
  std::istringstream lines(read_text(test_folder() + "/fuzz/refusals.txt"));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t end = line.find(": ");
    REQUIRE(end < line.size() - 2);
    REQUIRE(parts.emplace(line.substr(0, end), line.substr(end + 2)).second);
  }
  return parts;
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

TEST_CASE("fuzz: every file of the corpus is accepted, or refused by the check it is named after") {
  auto expected = refusals();
  for (const FuzzTarget& target : fuzz_targets()) {
    const auto corpus = corpus_of(target.name);
    CHECK(corpus.size() >= 3);
    for (const auto& [name, bytes] : corpus) {
      const std::string file = target.name + ('/' + name);
      CAPTURE(file);
      const bool good = name.starts_with("good"), other = name.find(kOtherPrecision) != name.npos;
      const bool one_precision = name.find("float") != name.npos;
      std::string message;
      REQUIRE_NOTHROW(message = target.run(bytes));
      const auto part = expected.extract(file);
      CHECK(part.empty() == (good && !one_precision));
      if (good && !other) {
        CHECK(message == "");
        continue;
      }
      CAPTURE(message);
      REQUIRE_FALSE(part.empty());
      CHECK((message.find(part.mapped()) != message.npos || (other && message.find(kOfTheOther) != message.npos)));
    }
  }
  for (const auto& [file, part] : expected) FAIL_CHECK("refusals.txt has " << file << ", the corpus has not");
}

TEST_CASE("fuzz: what is made from the files of the corpus is accepted or refused by an Error") {
  for (const FuzzTarget& target : fuzz_targets()) {
    CAPTURE(target.name);
    const auto corpus = corpus_of(target.name);
    std::vector<const FileBytes*> files;
    for (const auto& [name, bytes] : corpus) files.push_back(&bytes);
    std::mt19937 random(1);
    long accepted = 0;
    for (int i = 0; i < kMutants; ++i) {
      const FileBytes bytes = mutant(*files[random() % files.size()], *files[random() % files.size()], random);
      CAPTURE(i);
      REQUIRE_NOTHROW(accepted += target.run(bytes).empty());
    }
    CHECK(accepted > 0);
    CHECK(accepted < kMutants);
  }
}

}  // namespace
}  // namespace six::test
