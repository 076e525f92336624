#include "../../data/download.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>

#include "../../core/error.h"
#include "../../data/sha256.h"
#include "support.h"

using namespace six;
using namespace six::test;

TEST_CASE("download: SHA-256 of the published examples and of every length around a block") {
  CHECK(sha256({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256(as_bytes("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256(as_bytes(
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu")) ==
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(sha256(as_bytes(std::string(1'000'000, 'a'))) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  CHECK(sha256(as_bytes(std::string(55, 'a'))) == "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  CHECK(sha256(as_bytes(std::string(56, 'a'))) == "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
  CHECK(sha256(as_bytes(std::string(63, 'a'))) == "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34");
  CHECK(sha256(as_bytes(std::string(64, 'a'))) == "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

TEST_CASE("download: a program's output, or an Error that names the program") {
  CHECK(as_text(program_output({"printf", "%s-%s", "a b", "$HOME"}, 100, 30)) == "a b-$HOME");  // no shell
  CHECK(program_output({"true"}, 0, 30).empty());
  CHECK(program_output({"head", "-c", "300000", "/dev/zero"}, 300'000, 30).size() == 300'000);
  const int descriptors = open_descriptors();
  CHECK(contains(message_of([] { program_output({"false"}, 10, 30); }), {"false: failed with status 1"}));
  CHECK(contains(message_of([] { program_output({"no-such-program-here"}, 10, 30); }), {"no-such-program-here: cannot be run"}));
  CHECK(contains(message_of([] { program_output({"cat", "/dev/zero"}, 1000, 30); }), {"cat: more than 1000 bytes"}));
  CHECK(contains(message_of([] { program_output({"sleep", "600"}, 10, 0); }), {"sleep: not finished after 0 seconds"}));
  CHECK(open_descriptors() == descriptors);
}

TEST_CASE("download: what is not MNIST is not kept") {
  const TempFolder folder;
  std::vector<std::string> asked;
  FetchOptions options{.mirrors = {"one/", "two/"}, .get = {}, .say = [&](const std::string& line) { asked.push_back(line); }};
  std::map<std::string, std::string> content;
  options.get = [&](const std::string& url) {
    if (!content.contains(url)) fail(url, ": not there");
    return bytes_of(content[url]);
  };
  const std::string cache = folder / "a/b", first = "train-images-idx3-ubyte.gz";
  std::string message = message_of([&] { fetch_mnist(cache, options); });
  CHECK(contains(message, {"download of MNIST failed", "one/" + first + ": not there", "two/" + first + ": not there"}));
  CHECK(asked == std::vector<std::string>{"downloading one/" + first, "downloading two/" + first});

  content["one/" + first] = "<html>not found</html>";
  content["two/" + first] = gzip("an older version");
  message = message_of([&] { fetch_mnist(cache, options); });
  CHECK(contains(message, {"one/" + first, "gzip", "two/" + first + ": content has SHA-256", "expected ba891046"}));
  content["two/" + first] = gzip(std::string(70'000'000, '\0'));
  CHECK(contains(message_of([&] { fetch_mnist(cache, options); }), {"go on after 67108864 bytes"}));
  CHECK_FALSE(file_exists(cache + '/' + first));
}

TEST_CASE("download: the real files are fetched once, where MNIST_DIR has them") {
  const char* real = std::getenv("MNIST_DIR");
  if (!real || !file_exists(std::string(real) + "/train-images-idx3-ubyte.gz")) {
    MESSAGE("MNIST_DIR has no .gz files: skipped");
    return;
  }
  const TempFolder folder;
  int fetched = 0;
  FetchOptions options{.mirrors = {"broken/", std::string(real) + '/'}, .get = {}, .say = {}};
  options.get = [&](const std::string& url) {
    ++fetched;
    return url.starts_with("broken") ? bytes_of("broken") : read_file(url);
  };
  const TempVariable cache("XDG_CACHE_HOME", folder.path().c_str()), none("MNIST_DIR", nullptr);
  CHECK(locate_mnist("", true, options) == folder / "sixgrad/mnist");
  CHECK(fetched == 8);
  CHECK(locate_mnist("", true, options) == folder / "sixgrad/mnist");
  CHECK(fetched == 8);
  CHECK(take(folder / "sixgrad/mnist/t10k-labels-idx1-ubyte.gz") == take(std::string(real) + "/t10k-labels-idx1-ubyte.gz"));
}

TEST_CASE("download: MNIST is looked for where the user says, in MNIST_DIR, in the cache, on the net") {
  const TempFolder folder;
  FetchOptions options{.mirrors = {"net/"}, .get = {}, .say = {}};
  options.get = [](const std::string& url) -> std::vector<std::uint8_t> { fail(url, ": no network"); };
  const TempVariable cache("XDG_CACHE_HOME", folder.path().c_str()), dir("MNIST_DIR", (folder / "named").c_str());
  CHECK(locate_mnist("/explicit", true, options) == "/explicit");
  CHECK(message_of([&] { locate_mnist("", true, options); }) ==
        "MNIST_DIR is " + folder / "named" + ", which does not hold the four files of MNIST; correct it, unset it or give --data");
  const auto put_files = [&](const std::string& in) {
    make_folder(folder / in);
    for (const char* part :
         {"train-images-idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte"})
      put(folder / in + '/' + part, "x");
  };
  put_files("named");
  CHECK(locate_mnist("", true, options) == folder / "named");
  const TempVariable unset("MNIST_DIR", "");
  CHECK(contains(message_of([&] { locate_mnist("", true, options); }),
                 {"download of MNIST failed", "net/train-images", "no network", "--data", "MNIST_DIR"}));
  CHECK(contains(message_of([&] { locate_mnist("", false, options); }),
                 {"not found", folder / "sixgrad/mnist", "--data", "MNIST_DIR"}));
  put_files("sixgrad/mnist");
  CHECK(locate_mnist("", false, options) == folder / "sixgrad/mnist");
}

TEST_CASE("download: the cache folder follows the XDG specification") {
  const TempVariable home("HOME", "/home/me");
  {
    const TempVariable cache("XDG_CACHE_HOME", "/cache");
    CHECK(mnist_cache_folder() == "/cache/sixgrad/mnist");
  }
  for (const char* ignored : {"", "relative", static_cast<const char*>(nullptr)}) {
    const TempVariable cache("XDG_CACHE_HOME", ignored);
    CHECK(mnist_cache_folder() == "/home/me/.cache/sixgrad/mnist");
  }
  const TempVariable cache("XDG_CACHE_HOME", nullptr), homeless("HOME", nullptr), dir("MNIST_DIR", nullptr);
  CHECK(mnist_cache_folder() == "");
  CHECK(contains(message_of([] { locate_mnist("", true); }), {"not found", "no HOME"}));
}
