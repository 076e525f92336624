#include "targets.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "../../core/error.h"
#include "../../data/digits.h"
#include "../../data/file.h"
#include "../../data/gzip.h"
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

void must(bool ok, const std::string& what) {
  if (!ok) throw std::logic_error(what);
}

// Why `body` refuses, "" if it does not; a message must be one line.
template <class Body>
std::string refusal(Body&& body) {
  try {
    body();
    return "";
  } catch (const Error& e) {
    const std::string text = e.what();
    must(!text.empty() && text.find('\n') == text.npos, "a message is not one line");
    return text;
  }
}

// Why `read` refuses. If it does not, `check` gets what it read, and no Error is right any more.
template <class Read, class Check>
std::string judged(Read&& read, Check&& check) {
  std::optional<decltype(read())> value;
  const std::string refused = refusal([&] { value.emplace(read()); });
  if (!value) return refused;
  const std::string later = refusal([&] { check(*value); });
  must(later.empty(), "what was accepted is refused later: " + later);
  return "";
}

// Sizes of layers that are accepted would fill memory: they are made small. What is refused for its size stays.
void shrink(Json& j) {
  if (j.is_number_unsigned() && j.get<std::uint64_t>() > 9 && j.get<std::uint64_t>() < (1u << 29)) j = j.get<std::uint64_t>() % 10;
  if (j.is_structured())
    for (Json& child : j) shrink(child);
}

std::string model(Bytes8 bytes) {
  const auto read = [&] {
    Json j = parse_json(as_text(bytes), "x");
    shrink(j);
    return Model::from_config(j).to_json();
  };
  return judged(read, [](const std::string& text) {
    must(Model::from_json(text).to_json() == text, "a model's JSON changes when it is read and written");
  });
}

std::string training(Bytes8 bytes) {
  const auto read = [&] { return write_training(read_training(parse_json(as_text(bytes), "x"))).dump(); };
  return judged(read, [](const std::string& text) {
    must(write_training(read_training(Json::parse(text))).dump() == text, "a training's JSON changes when it is read and written");
  });
}

// The first line changes the rest.
std::string override_json(Bytes8 bytes) {
  return refusal([&] {
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

std::string safetensors(Bytes8 bytes) {
  const auto read = [&] { return parse_safetensors(bytes, "x"); };
  return judged(read, [](const Safetensors& content) {
    for (const SavedTensor& t : content.tensors)
      must(t.dtype == Dtype::i64 || load_reals(t).size() * dtype_bytes(t.dtype) == t.bytes.size(), "a tensor has another size");
    const std::string written = safetensors_bytes(content, Checksum::required);
    const Safetensors again = parse_safetensors(as_bytes(written), "y", Checksum::required);
    must(same(content, again), "tensors change when they are written and read");
    must(safetensors_bytes(again, Checksum::required) == written, "the same content has other bytes");
  });
}

// One file in memory in place of all those of the system: what is written last is what is read, whatever the path.
class MemoryFile {
 public:
  explicit MemoryFile(Bytes8 content) : real_(file_calls()) {
    content_ = as_text(content);
    file_calls() = {
        .open = [](const char*, int flags, unsigned) { return opened(flags); },
        .stat = [](int, struct stat* out) { return *out = {}, out->st_mode = S_IFREG, out->st_size = off_t(content_.size()), 0; },
        .read = [](int, void* to, std::size_t n) { return ssize_t(content_.copy(static_cast<char*>(to), n)); },
        .write = [](int, const void* from,
                    std::size_t n) { return content_.append(static_cast<const char*>(from), n), ssize_t(n); },
        .sync = [](int) { return 0; },
        .close = [](int) { return 0; },
        .rename = [](const char*, const char*) { return 0; },
        .remove = [](const char*) { return 0; },
        .truncate = [](int, off_t) { return 0; }};
  }
  ~MemoryFile() { file_calls() = real_; }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  const std::string& content() const { return content_; }

 private:
  static int opened(int flags) {
    if (flags & O_EXCL) content_.clear();
    return INT_MAX;  // which no real call takes for an open file
  }
  static inline std::string content_;  // FileCalls are plain functions
  FileCalls real_;
};

// A model with its weights: loaded, saved, and asked for an answer if that does not take long.
std::string model_file(Bytes8 bytes) {
  static constexpr const char* kPath = "/nowhere/x";
  const MemoryFile file(bytes);
  return judged([] { return Model::load(kPath); },
                [&](const Model& read) {
                  read.save(kPath);
                  const std::string saved = file.content();
                  const Model again = Model::load(kPath);
                  again.save(kPath);
                  must(file.content() == saved, "a model's file changes when it is loaded and saved");
                  const long pixels = read.input_shape().size();
                  if (pixels < 1 << 10 && read.macs() < 1 << 14) read.logits(std::vector<std::uint8_t>(std::size_t(pixels), 9));
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
std::string checkpoint(Bytes8 bytes) {
  static TinyTraining tiny;
  const std::string before = tiny.numbers();
  const auto read = [&] {
    const Safetensors file = parse_safetensors(bytes, "x");
    load_checkpoint(file, tiny.trainer);
    return checkpoint_of(tiny.trainer, 7);
  };
  const std::string refused = judged(read, [](const Safetensors& again) {
    load_checkpoint(again, tiny.trainer);
    must(same(checkpoint_of(tiny.trainer, 7), again), "a checkpoint changes when it is loaded and saved");
    refusal([&] { tiny.go_on(); });  // by numbers that are not finite
  });
  if (!refused.empty()) must(tiny.numbers() == before, "a checkpoint that was refused has changed something");
  return refused;
}

std::string idx(Bytes8 bytes) {
  const auto read = [&] { return parse_idx({bytes.begin(), bytes.end()}, "x"); };
  return judged(read, [](const Idx& array) {
    const std::string written = idx_bytes(array);
    const Idx again = parse_idx({written.begin(), written.end()}, "y");
    must(array.dims == again.dims && array.bytes == again.bytes && array.type == again.type, "an array changes when it is written");
  });
}

// As it is or compressed, as the set that is part of the program.
std::string csv(Bytes8 bytes) {
  constexpr std::size_t kMost = 1 << 16;
  const auto read = [&] {
    return is_gzip(bytes) ? parse_digits(as_text(gunzip(bytes, kMost, "x")), "x") : parse_digits(as_text(bytes), "x");
  };
  return judged(read, [](const Digits& d) { must(d.pixels.size() == d.labels.size() * 64, "a digit has no 64 pixels"); });
}

std::string pgm(Bytes8 bytes) {
  const auto read = [&] { return to_grey(parse_pgm(bytes, "x")); };
  return judged(read, [](const Image& image) {
    must(parse_pgm(as_bytes(pgm_bytes(image)), "y").pixels == image.pixels, "an image changes when it is written");
    fit(image, {8, 8, 1});
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

std::string png(Bytes8 bytes) {
  const auto refused = [](Bytes8 file) {
    return judged([&] { return parse_png(file, "x"); },
                  [](const Image& image) {
                    must(image.pixels.size() == std::size_t(image.shape.size()), "an image has another size");
                    if (image.shape.size() < 1 << 16) fit(to_grey(image), {8, 8, 1});
                  });
  };
  const std::string as_it_is = refused(bytes);
  return refused(with_right_checksums(bytes)).empty() ? "" : as_it_is;
}

}  // namespace

std::span<const FuzzTarget> fuzz_targets() {
  static constexpr FuzzTarget all[] = {{"model", model},
                                       {"model_file", model_file},
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
