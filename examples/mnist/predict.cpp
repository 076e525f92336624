#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "../../core/error.h"
#include "../../data/file.h"
#include "../../data/gzip.h"
#include "../../data/idx.h"
#include "../../data/image.h"
#include "../../layers/model.h"
#include "commands.h"
#include "images.h"
#include "show.h"

namespace mnist {
namespace {

struct Question {
  six::Image image;
  int label = -1;  // if it is known
};

void require_index(const std::string& where, long index, long count) {
  six::require(index >= 0 && index < count, where, ": --index is ", index, ", there are ", count, " images");
}

// IDX files begin with two zero bytes, and may be packed.
bool is_idx(std::span<const std::uint8_t> file) { return six::is_gzip(file) || (file.size() >= 2 && file[0] == 0 && file[1] == 0); }

Question from_file(const PredictOptions& o) {
  const std::vector<std::uint8_t> file = six::read_file(o.image);
  if (!is_idx(file)) {
    six::require(o.index == 0, o.image, ": --index is for IDX files, this is a single image");
    return {six::read_image(o.image)};
  }
  const six::Idx idx = six::read_idx(o.image, 3);
  require_index(o.image, o.index, idx.dims[0]);
  six::check_sides(long(idx.dims[1]), long(idx.dims[2]), o.image);
  const six::Shape shape{long(idx.dims[1]), long(idx.dims[2]), 1};
  const auto first = idx.bytes.begin() + o.index * shape.size();
  return {{shape, {first, first + shape.size()}}};
}

Question from_data_set(const PredictOptions& o, const six::Model& model) {
  const six::Dataset data = load_images(six::training_of(model), o.data);
  require_index(data.name + " test images", o.index, data.test.size());
  const std::uint8_t* first = data.test.bytes(o.index, 1).data;
  return {{data.test.image, {first, first + data.test.image.size()}}, data.test.labels[std::size_t(o.index)]};
}

bool mostly_light(const six::Image& image) {
  return std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0) > 127.5 * double(image.pixels.size());
}

}  // namespace

int predict(const PredictOptions& o) {
  const six::Model model = six::Model::load(o.run);
  six::require(model.input_shape().rank() == 3, o.run, ": the model takes ", model.input_shape(), ", no images");
  const Question q = o.image.empty() ? from_data_set(o, model) : from_file(o);
  const six::Image image = six::fit(q.image, model.input_shape(), o.invert);
  const std::vector<six::real> p = model.predict(image.pixels);
  if (q.image.shape[0] != image.shape[0] || q.image.shape[1] != image.shape[1])
    std::printf("scaled from %ldx%ld to %ldx%ld, as the net takes it:\n", long(q.image.shape[0]), long(q.image.shape[1]),
                long(image.shape[0]), long(image.shape[1]));
  std::printf("%s\n%s\n", image_text(image.shape, six::to_grey(image).pixels).c_str(), probabilities_text(p).c_str());
  std::printf("prediction %ld", long(std::max_element(p.begin(), p.end()) - p.begin()));
  if (q.label >= 0) std::printf(", label %d", q.label);
  std::printf("\n");
  if (!o.image.empty() && mostly_light(q.image) != o.invert)
    std::printf("The image is mostly %s --invert: the digits of MNIST are light on dark.\n",
                o.invert ? "dark, perhaps it is better without" : "light, perhaps it needs");
  return 0;
}

}  // namespace mnist
