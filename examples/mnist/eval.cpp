#include <cstdio>
#include <nlohmann/json.hpp>

#include "../../core/error.h"
#include "../../layers/model.h"
#include "commands.h"
#include "images.h"
#include "show.h"

namespace mnist {

int eval(const EvalOptions& o) {
  const six::Model model = six::Model::load(o.run);
  const six::Dataset data = load_images(six::training_of(model), o.data);
  const six::Split& split = o.split == "train" ? data.train : o.split == "validation" ? data.validation : data.test;
  six::require(split.size() > 0, o.run, ": no images were set aside for ", o.split);
  const six::Evaluation result = six::evaluate(model, split, o.threads);
  std::printf("%s on %s, %s: %s", model.name().c_str(), data.name.c_str(), o.split.c_str(), evaluation_text(result).c_str());
  return 0;
}

}  // namespace mnist
