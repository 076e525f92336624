#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace six {

// The content of a URL, by running curl or wget (whichever is installed). Throws Error if neither is, after at most two minutes,
// or if it has more than 64 MiB.
std::vector<std::uint8_t> get_url(const std::string& url);
// What a program writes to its standard output, searched for in PATH and run without a shell. Throws Error if it is not there,
// fails, writes more than `cap` bytes or takes longer than `seconds`.
std::vector<std::uint8_t> program_output(const std::vector<std::string>& command, std::size_t cap, int seconds);

struct FetchOptions {
  std::vector<std::string> mirrors = {"https://ossci-datasets.s3.amazonaws.com/mnist/",
                                      "https://storage.googleapis.com/cvdf-datasets/mnist/"};
  std::function<std::vector<std::uint8_t>(const std::string& url)> get = get_url;
  std::function<void(const std::string& line)> say = {};  // told what is being fetched, if given
};

// Downloads the four .gz files of MNIST into a folder, which is created; those already there are kept. The first mirror that has a
// file is used. What arrives is unpacked, checked by SHA-256 and only then written, atomically. Throws Error if that works for no
// mirror.
void fetch_mnist(const std::string& folder, const FetchOptions& options = {});

// $XDG_CACHE_HOME, else ~/.cache, with /sixgrad/mnist added. Empty if there is no home.
std::string mnist_cache_folder();

// The folder to load MNIST from: `folder` unless empty, else $MNIST_DIR, else the cache folder if it has the files, else the cache
// folder after a download, if `download`. Throws Error with what was tried and the remedy, also if $MNIST_DIR is set but has not
// the files. `folder` is not examined.
std::string locate_mnist(const std::string& folder, bool download = true, const FetchOptions& options = {});

}  // namespace six
