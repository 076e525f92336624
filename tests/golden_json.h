#pragma once
// Golden numbers: the files of tests/golden, computed with PyTorch. A tensor there is {"shape": [...], "data": [...]}, row-major.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace six::test {

// The folder tests/ of the sources.
std::string test_folder();

// The content of tests/golden/<file>. Throws Error if it is missing or no JSON.
nlohmann::json golden(const std::string& file);

// The numbers of a tensor, or of a plain array ("nan", "inf" and "-inf" are numbers too). Throws Error if their count is not that
// of the tensor's shape.
std::vector<double> numbers(const nlohmann::json& tensor);

// The shape of a tensor.
std::vector<long> shape(const nlohmann::json& tensor);

}  // namespace six::test
