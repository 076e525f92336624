#include "targets.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "../../core/error.h"
#include "../../data/digits.h"
#include "../../data/file.h"
#include "../../data/idx.h"
#include "../../data/image.h"
#include "../../data/json.h"
#include "../../data/safetensors.h"
#include "../../layers/layers.h"
#include "../../train/checkpoint.h"
#include "../../train/override.h"

namespace six::test {
namespace {

using Bytes8 = std::span<const std::uint8_t>;

void must(bool ok, const char* what) {
  if (!ok) throw std::logic_error(what);
}

// Runs `body`, which may refuse by Error; a message must be one printable line.
template <class Body>
bool accepts(Body&& body) {
  try {
    body();
    return true;
  } catch (const Error& e) {
    const std::string_view text = e.what();
    must(!text.empty() && text.find('\n') == text.npos, "a message is not one line");
    return false;
  }
}

// Sizes of layers that are accepted would fill memory: they are made small. What is refused for its size stays.
void shrink(Json& j) {
  if (j.is_number_unsigned() && j.get<std::uint64_t>() > 9 && j.get<std::uint64_t>() < (1u << 29)) j = j.get<std::uint64_t>() % 10;
  if (j.is_structured())
    for (Json& child : j) shrink(child);
}

bool model(Bytes8 bytes) {
  return accepts([&] {
    Json j = parse_json(as_text(bytes), "x");
    shrink(j);
    const std::string text = Model::from_config(j).to_json();
    must(Model::from_json(text).to_json() == text, "a model's JSON changes when it is read and written");
  });
}

bool training(Bytes8 bytes) {
  return accepts([&] {
    const std::string text = write_training(read_training(parse_json(as_text(bytes), "x"))).dump();
    must(write_training(read_training(Json::parse(text))).dump() == text, "a training's JSON changes when it is read and written");
  });
}

// The first line changes the rest.
bool override_json(Bytes8 bytes) {
  return accepts([&] {
    const std::string_view all = as_text(bytes);
    const std::size_t end = std::min(all.find('\n'), all.size());
    Json j = parse_json(all.substr(std::min(end + 1, all.size())), "x");
    apply_override(j, std::string(all.substr(0, end)));
  });
}

bool same(const Safetensors& a, const Safetensors& b) {
  return a.tensors.size() == b.tensors.size() && std::all_of(a.tensors.begin(), a.tensors.end(), [&](const SavedTensor& t) {
           const SavedTensor* u = b.find(t.name);
           return u && u->dtype == t.dtype && u->shape == t.shape && u->bytes == t.bytes;
         });
}

bool safetensors(Bytes8 bytes) {
  return accepts([&] {
    const Safetensors read = parse_safetensors(bytes, "x");
    for (const SavedTensor& t : read.tensors)
      must(t.dtype == Dtype::i64 || load_reals(t).size() * dtype_bytes(t.dtype) == t.bytes.size(), "a tensor has another size");
    const std::string written = safetensors_bytes(read, Checksum::required);
    const Safetensors again = parse_safetensors(as_bytes(written), "y", Checksum::required);
    must(same(read, again), "tensors change when they are written and read");
    must(safetensors_bytes(again, Checksum::required) == written, "the same content has other bytes");
  });
}

// A training as small as can be, with every part a checkpoint has.
struct TinyTraining {
  Dataset data = make_dataset("d", make_split({2, 2, 1}, std::vector<std::uint8_t>(16, 9), {0, 1, 0, 1}, 2),
                              make_split({2, 2, 1}, std::vector<std::uint8_t>(4, 9), {0}, 2));
  Model net{{2, 2, 1}, Sequential{Conv2d{{.out_channels = 1, .kernel = 1}}, BatchNorm{}, Flatten{}, Linear{{.out_features = 2}}}};
  Trainer trainer{net,
                  data,
                  {.epochs = 2,
                   .batch = 2,
                   .optimizer = SGDOptions{.lr = 0.1, .momentum = 0.9},
                   .ema = {.decay = 0.5},
                   .skip_non_finite = 3,
                   .threads = 1}};

  void go_on() {
    if (trainer.over()) return;
    const bool ended = trainer.epoch_over();
    const double accuracy = ended ? trainer.end_epoch().accuracy : trainer.step().accuracy;
    must(accuracy >= 0 && accuracy <= 1, "an accuracy is no fraction");
  }
  std::string numbers() {
    const ParamSet& p = net.params();
    std::string all;
    const auto add = [&](const real* from, long n) {
      all.append(reinterpret_cast<const char*>(from), std::size_t(n) * sizeof(real));
    };
    add(p.values(), p.size()), add(p.buffer_values(), p.buffer_size()), add(trainer.ema()->values(), p.size());
    for (const auto& slot : trainer.optimizer().state()) add(slot.values, p.size());
    return all + std::to_string(trainer.state().step) + ' ' + std::to_string(trainer.optimizer().steps());
  }
};

// The checksum would hide all else: it is not asked for here.
bool checkpoint(Bytes8 bytes) {
  static TinyTraining tiny;
  const std::string before = tiny.numbers();
  const bool accepted = accepts([&] {
    const Safetensors file = parse_safetensors(bytes, "x");
    load_checkpoint(file, tiny.trainer);
    const Safetensors again = checkpoint_of(tiny.trainer, 7);
    load_checkpoint(again, tiny.trainer);
    must(same(checkpoint_of(tiny.trainer, 7), again), "a checkpoint changes when it is loaded and saved");
    accepts([&] { tiny.go_on(); });  // or ends by numbers that are not finite
  });
  if (!accepted) must(tiny.numbers() == before, "a checkpoint that was refused has changed something");
  return accepted;
}

bool idx(Bytes8 bytes) {
  return accepts([&] {
    const Idx read = parse_idx({bytes.begin(), bytes.end()}, "x");
    const std::string written = idx_bytes(read);
    const Idx again = parse_idx({written.begin(), written.end()}, "y");
    must(read.dims == again.dims && read.bytes == again.bytes && read.type == again.type, "an array changes when it is written");
  });
}

bool csv(Bytes8 bytes) {
  return accepts([&] {
    const Digits d = parse_digits(as_text(bytes), "x");
    must(d.pixels.size() == d.labels.size() * 64, "a digit has no 64 pixels");
  });
}

bool pgm(Bytes8 bytes) {
  return accepts([&] {
    const Image read = to_grey(parse_pgm(bytes, "x"));
    must(parse_pgm(as_bytes(pgm_bytes(read)), "y").pixels == read.pixels, "an image changes when it is written");
    fit(read, {8, 8, 1});
  });
}

// Each chunk with the checksum it should have, so that what is behind it is reached.
std::vector<std::uint8_t> with_right_checksums(Bytes8 bytes) {
  std::vector<std::uint8_t> png(bytes.begin(), bytes.end());
  const auto at = [&](std::size_t i) { return std::uint32_t(png[i]) << 24 | png[i + 1] << 16 | png[i + 2] << 8 | png[i + 3]; };
  for (std::size_t i = 8; i + 12 <= png.size();) {
    const std::size_t n = at(i);
    if (n > png.size() - i - 12) break;
    const std::uint32_t crc = crc32(std::span(png).subspan(i + 4, n + 4));
    for (int k = 0; k < 4; ++k) png[i + 8 + n + std::size_t(k)] = std::uint8_t(crc >> (24 - 8 * k));
    i += n + 12;
  }
  return png;
}

bool png(Bytes8 bytes) {
  const auto read = [](Bytes8 file) {
    return accepts([&] {
      const Image image = parse_png(file, "x");
      must(image.pixels.size() == std::size_t(image.shape.size()), "an image has another size");
      if (image.shape.size() < 1 << 16) fit(to_grey(image), {8, 8, 1});
    });
  };
  const bool accepted = read(bytes);
  return read(with_right_checksums(bytes)) || accepted;
}

}  // namespace

std::span<const FuzzTarget> fuzz_targets() {
  static constexpr FuzzTarget all[] = {{"model", model},
                                       {"training", training},
                                       {"override", override_json},
                                       {"safetensors", safetensors},
                                       {"checkpoint", checkpoint},
                                       {"idx", idx},
                                       {"csv", csv},
                                       {"pgm", pgm},
                                       {"png", png}};
  return all;
}

}  // namespace six::test
