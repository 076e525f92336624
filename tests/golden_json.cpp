#include "golden_json.h"

#include <fstream>
#include <functional>
#include <numeric>

#include "../core/error.h"

namespace six::test {

std::string test_folder() { return SIX_TEST_DIR; }

nlohmann::json golden(const std::string& file) {
  const std::string path = test_folder() + "/golden/" + file;
  std::ifstream in(path);
  require(in.good(), "golden: cannot open ", path);
  try {
    return nlohmann::json::parse(in);
  } catch (const nlohmann::json::exception& e) {
    fail("golden: ", path, ": ", e.what());
  }
}

std::vector<double> numbers(const nlohmann::json& tensor) {
  if (tensor.is_array()) {
    std::vector<double> list;
    for (const nlohmann::json& x : tensor) list.push_back(x.is_string() ? std::stod(x.get<std::string>()) : x.get<double>());
    return list;
  }
  const std::vector<double> data = numbers(tensor.at("data"));
  const std::vector<long> dims = shape(tensor);
  const long size = std::accumulate(dims.begin(), dims.end(), 1L, std::multiplies<>());
  require(long(data.size()) == size, "golden: ", data.size(), " numbers in a tensor of ", size);
  return data;
}

std::vector<long> shape(const nlohmann::json& tensor) { return tensor.at("shape").get<std::vector<long>>(); }

}  // namespace six::test
