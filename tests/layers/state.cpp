// Weights in files: torch's layouts, names, strictness, and nothing changed on failure.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "support.h"

using namespace six;
using namespace six::test;

namespace {

std::vector<real> counting(long n) {
  std::vector<real> x(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = real(i);
  return x;
}

const SavedTensor& tensor(const std::vector<SavedTensor>& tensors, const std::string& name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const SavedTensor& t) { return t.name == name; });
  REQUIRE_MESSAGE(found != tensors.end(), name);
  return *found;
}

// A model of convolution, depthwise, flatten and linear layers whose sizes are all different: no transposition can hide.
Model odd_model() {
  return model_of(
      R"({"type": "conv2d", "out_channels": 7, "kernel": [3, 5], "padding": 0}, {"type": "depthwise_conv2d", "kernel": [2, 3], "padding": 0},
                     {"type": "flatten"}, {"type": "batch_norm"}, {"type": "relu6"}, {"type": "linear", "out_features": 11},
                     {"type": "linear", "out_features": 13})",
      "[6, 11, 2]");
}

// Fills parameters and buffers with 0, 1, 2, ... in memory order, each tensor by itself.
void count_up(Model& model) {
  ParamSet& set = model.params();
  const auto fill = [](real* to, long n) { std::copy_n(counting(n).data(), n, to); };
  for (std::size_t i = 0; i < set.params().size(); ++i) fill(set.value(int(i)), set.params()[i].shape.size());
  for (std::size_t i = 0; i < set.buffers().size(); ++i) fill(set.buffer(int(i)), set.buffers()[i].shape.size());
}

}  // namespace

TEST_CASE("layouts: files hold torch's order, sizes 2, 3, 5, 7") {
  Model model = odd_model();
  count_up(model);
  const std::vector<SavedTensor> state = model.state();
  const auto check = [&](const std::string& name, std::vector<std::int64_t> shape, auto&& memory_index) {
    const SavedTensor& t = tensor(state, name);
    CHECK(t.shape == shape);
    shape.resize(4, 1);
    const std::vector<real> values = load_reals(t);
    std::size_t at = 0, wrong = 0;
    for (long a = 0; a < shape[0]; ++a)
      for (long b = 0; b < shape[1]; ++b)
        for (long c = 0; c < shape[2]; ++c)
          for (long d = 0; d < shape[3]; ++d) wrong += values.at(at++) != real(memory_index(a, b, c, d));
    CHECK(wrong == 0);
    CHECK(at == values.size());
  };
  check("layers.0.weight", {7, 2, 3, 5}, [](long k, long c, long i, long j) { return ((i * 5 + j) * 2 + c) * 7 + k; });
  check("layers.0.bias", {7}, [](long k, long, long, long) { return k; });
  check("layers.1.weight", {7, 1, 2, 3}, [](long c, long, long i, long j) { return (i * 3 + j) * 7 + c; });
  // After the convolutions the image is [3, 5, 7]: torch's column (c * 3 + h) * 5 + w is row (h * 5 + w) * 7 + c.
  const auto row = [](long column) { return (column % 15) * 7 + column / 15; };
  check("layers.3.weight", {105}, [&](long column, long, long, long) { return row(column); });
  check("layers.3.running_var", {105}, [&](long column, long, long, long) { return row(column); });
  check("layers.5.weight", {11, 105}, [&](long out, long column, long, long) { return row(column) * 11 + out; });
  check("layers.6.weight", {13, 11}, [](long out, long in, long, long) { return in * 13 + out; });
  CHECK(tensor(state, "layers.3.num_batches_tracked").dtype == Dtype::i64);
}

TEST_CASE("layouts: a linear layer reads torch's columns only as long as the features are a flattened image") {
  const auto first_columns = [](const std::string& between) {
    Model model =
        model_of(R"({"type": "flatten"}, )" + between + R"({"type": "linear", "out_features": 1, "name": "last"})", "[1, 2, 3]");
    count_up(model);
    return load_reals(tensor(model.state(), "layers.last.weight"));
  };
  const std::vector<real> permuted = {0, 3, 1, 4, 2, 5}, plain = {0, 1, 2, 3, 4, 5};
  CHECK(first_columns("") == permuted);
  CHECK(first_columns(R"({"type": "dropout"}, {"type": "batch_norm"}, {"type": "gelu"}, )") == permuted);
  CHECK(first_columns(R"({"type": "sequential", "layers": [{"type": "relu"}]}, {"type": "flatten"}, )") == permuted);
  CHECK(first_columns(R"({"type": "residual", "layers": [{"type": "relu"}]}, )") == permuted);
  CHECK(first_columns(R"({"type": "linear", "out_features": 6}, )") == plain);
  CHECK(
      first_columns(
          R"({"type": "linear", "out_features": 6}, {"type": "residual", "layers": [{"type": "linear", "out_features": 6}]}, )") ==
      plain);
}

TEST_CASE("state: what a layout writes it reads, and one model's state makes another equal") {
  Model a = odd_model(), b = model_of(R"({"type": "relu"})");
  step(a);
  b = odd_model();
  CHECK(copy_of(a.params()) != copy_of(b.params()));
  b.set_state(a.state());
  CHECK(copy_of(a.params()) == copy_of(b.params()));
  CHECK(outputs(a) == outputs(b));
}

TEST_CASE("state: a saved file is what torch's tools expect, and a whole model") {
  const TempFolder folder;
  Model model = odd_model();
  step(model);
  model.save(folder / "m.safetensors");
  const Safetensors file = read_safetensors(folder / "m.safetensors");
  CHECK(file.metadata.at("format") == "pt");
  CHECK(file.metadata.at("sixgrad.version") == SIX_VERSION);
  CHECK(file.metadata.at("sixgrad.model") == model.config().dump());
  CHECK(tensor(file.tensors, "layers.0.weight").dtype == kRealDtype);
  const Model whole = Model::load(folder / "m.safetensors");
  CHECK(copy_of(whole.params()) == copy_of(model.params()));
  put(folder / "model.json", model.to_json());
  model.save(folder / "model.safetensors");
  const Model run = Model::load(folder.path());
  CHECK(copy_of(run.params()) == copy_of(model.params()));
  std::string bytes = take(folder / "m.safetensors");
  for (const std::size_t back : {1, 100, 1000}) {
    std::string flipped = bytes;
    flipped[flipped.size() - back] ^= 1;
    put(folder / "m.safetensors", flipped);
    CHECK(contains(message_of([&] { Model::load(folder / "m.safetensors"); }), {folder / "m.safetensors", "sixgrad.crc32"}));
  }
}

TEST_CASE("state: of many names that do not fit, the first are shown") {
  std::string layers = R"({"type": "flatten"},)";
  for (int i = 0; i < 40; ++i) layers += R"({"type": "linear", "out_features": 2},)";
  Model model = model_of(layers + R"({"type": "linear", "out_features": 2})");
  const std::string message = message_of([&] { model.set_state({}); });
  CHECK(contains(message, {"missing: layers.1.weight layers.1.bias layers.2.weight", " ..."}));
  CHECK(message.size() < 300);
}

TEST_CASE("state: all that does not fit stands in one message, and nothing has changed") {
  Model model = model_of(R"({"type": "conv2d", "out_channels": 2}, {"type": "batch_norm"}, {"type": "global_avg_pool"},
                            {"type": "linear", "out_features": 4})");
  const std::vector<real> before = copy_of(model.params());
  std::vector<SavedTensor> tensors = model.state();
  for (SavedTensor& t : tensors)
    t = t.name.ends_with("tracked") ? t : save_reals(t.name, t.shape, counting(long(load_reals(t).size())));
  tensors.erase(tensors.begin(), tensors.begin() + 2);                   // the convolution's
  tensors.push_back(save_reals("features.0.weight", {1}, counting(1)));  // unexpected
  for (SavedTensor& t : tensors)
    if (t.name == "layers.3.weight") t = save_reals(t.name, {2, 4}, counting(8));  // transposed
  for (SavedTensor& t : tensors)
    if (t.name == "layers.1.running_var") t = {t.name, Dtype::i64, {2}, std::vector<std::uint8_t>(16)};
  CHECK(message_of([&] { model.set_state(tensors); }) ==
        "the tensors do not fit the model: missing: layers.0.weight layers.0.bias; unexpected: \"features.0.weight\"; of another "
        "shape or "
        "type: layers.3.weight [2,4] instead of [4,2] tensor \"layers.1.running_var\": is I64, must be F32, F64, F16 or BF16 "
        "(LoadOptions::renamings can translate names)");
  CHECK(copy_of(model.params()) == before);
  CHECK(message_of([&] { model.set_state(tensors, {.strict = false}); }) ==
        "the tensors do not fit the model: of another shape or type: layers.3.weight [2,4] instead of [4,2] tensor "
        "\"layers.1.running_var\": is I64, must be F32, F64, F16 or BF16");
  CHECK(copy_of(model.params()) == before);
}

TEST_CASE("state: not strict, what is there is taken") {
  Model model = model_of(R"({"type": "conv2d", "out_channels": 2}, {"type": "batch_norm"})");
  const std::vector<real> before = copy_of(model.params());
  model.set_state({save_reals("layers.0.bias", {2}, counting(2)), save_reals("other", {1}, counting(1))}, {.strict = false});
  std::vector<real> expected = before;
  const long at = model.params().params()[1].offset;
  expected[std::size_t(at)] = 0, expected[std::size_t(at) + 1] = 1;
  CHECK(copy_of(model.params()) == expected);
}

TEST_CASE("state: num_batches_tracked may be missing") {
  Model model = model_of(R"({"type": "batch_norm"})");
  step(model), step(model);
  std::vector<SavedTensor> tensors = model.state();
  const std::size_t all = tensors.size();
  std::erase_if(tensors, [](const SavedTensor& t) { return t.name.ends_with("num_batches_tracked"); });
  CHECK(tensors.size() == all - 1);
  model.set_state(tensors);
  CHECK(load_counter(tensor(model.state(), "layers.0.num_batches_tracked")) == 2);
}

TEST_CASE("state: a count that no training reaches is refused") {
  Model model({4, 4, 1}, Sequential{Conv2d{{.out_channels = 2}}, BatchNorm{}});
  for (const std::int64_t count : {std::numeric_limits<std::int64_t>::max(), std::int64_t(-1)}) {
    std::vector<SavedTensor> tensors = model.state();
    for (SavedTensor& t : tensors)
      if (t.name.ends_with("num_batches_tracked")) t = save_counter(t.name, count);
    CHECK(
        contains(message_of([&] { model.set_state(tensors); }), {"num_batches_tracked", std::to_string(count), "must be from 0"}));
  }
}

TEST_CASE("state: prefixes are renamed by whole components, the first that matches") {
  Model model = model_of(R"({"type": "conv2d", "out_channels": 2}, {"type": "relu"}, {"type": "conv2d", "out_channels": 2})");
  const auto rename = [&](const std::string& from, const std::string& to) {
    std::vector<SavedTensor> tensors = model.state();
    for (SavedTensor& t : tensors)
      if (t.name.starts_with(from)) t.name = to + t.name.substr(from.size());
    return tensors;
  };
  const auto error = [&](const std::vector<SavedTensor>& tensors, std::vector<std::pair<std::string, std::string>> renamings) {
    return message_of([&] { model.set_state(tensors, {.renamings = std::move(renamings)}); });
  };
  CHECK(error(rename("layers.2", "head.conv"), {{"head.conv", "layers.2"}}) == "no error");
  CHECK(error(rename("layers.", ""), {{"", "layers"}}) == "no error");
  CHECK(error(rename("layers", "module.layers"), {{"module", ""}}) == "no error");
  CHECK(error(rename("layers.0.weight", "w"), {{"w", "layers.0.weight"}}) == "no error");
  CHECK(error(rename("layers", "a"), {{"b", "x"}, {"a.2", "layers.2"}, {"a", "layers"}}) == "no error");
  CHECK(contains(error(rename("layers.2", "layers.20"), {{"layers.2", "layers.2"}}),
                 {"missing: layers.2.weight", "\"layers.20.weight\""}));
  CHECK(error(model.state(), {{"layer", "other"}, {"layers.2.w", "other"}}) == "no error");
  CHECK(error(model.state(), {{"layers.2", "layers.0"}}) ==
        "tensors \"layers.0.weight\" and \"layers.2.weight\" would both be \"layers.0.weight\"");
}

TEST_CASE("state: slabs laid out like the parameters, gradients for one, go the same way") {
  Model model = odd_model(), other = odd_model();
  step(model);
  const std::vector<SavedTensor> tensors = model.slab_state(model.params().grads(), "optimizer.m.");
  CHECK(tensor(tensors, "optimizer.m.layers.0.weight").shape == std::vector<std::int64_t>{7, 2, 3, 5});
  std::vector<SavedTensor> all = model.state();
  all.insert(all.end(), tensors.begin(), tensors.end());
  std::vector<real> slab(std::size_t(other.params().size()), -1);
  other.set_slab_state(all, slab.data(), "optimizer.m.");
  CHECK(std::equal(slab.begin(), slab.end(), model.params().grads()));
  all.pop_back();
  CHECK(contains(message_of([&] { other.set_slab_state(all, slab.data(), "optimizer.m."); }), {"missing: layers.6.bias"}));
}

TEST_CASE("state: a small file of weights is not made a large model, alone or in a folder") {
  const TempFolder folder;
  const std::string json =
      R"({"format": "sixgrad-model", "version": 1, "input": [16000], "layers": [{"type": "linear", "out_features": 16000}]})";
  Safetensors file;
  file.tensors = {save_reals("layers.0.weight", {1}, std::vector<real>(1))};
  file.metadata = {{"sixgrad.model", json}};
  write_safetensors(folder / "model.safetensors", file);
  CHECK(contains(message_of([&] { Model::load(folder / "model.safetensors"); }),
                 {folder / "model.safetensors", "layers[0] (linear)", "too large", "what the file of weights holds"}));
  put(folder / "model.json", json);
  CHECK(contains(message_of([&] { Model::load(folder.path()); }), {folder / "model.json", "layers[0] (linear)", "too large"}));
}

TEST_CASE("state: files that are none, or hold weights only") {
  const TempFolder folder;
  const std::string path = folder / "m.safetensors";
  CHECK(contains(message_of([&] { Model::load(path); }), {path}));
  put(path, "not a safetensors file");
  CHECK(contains(message_of([&] { Model::load(path); }), {path}));
  Safetensors file;
  Model model = odd_model();
  file.tensors = model.state();
  write_safetensors(path, file);
  CHECK(message_of([&] { Model::load(path); }) ==
        path + ": its metadata hold no sixgrad.model: only weights; use Model::load_weights");
  model.load_weights(path);
  CHECK(contains(message_of([&] { Model::load(folder.path()); }), {"model.json"}));
  put(folder / "model.json", model.to_json());
  CHECK(contains(message_of([&] { Model::load(folder.path()); }), {folder.path() + ": has a model.json but no model.safetensors"}));
  file.metadata["format"] = "sixgrad-checkpoint";
  write_safetensors(path, file);
  CHECK(contains(message_of([&] { Model::load(path); }), {path + ": is a checkpoint, no model"}));
  file.metadata.erase("format");
  file.metadata["sixgrad.model"] = R"({"format": "sixgrad-model", "version": 1, "input": [3], "layers": []})";
  write_safetensors(path, file);
  CHECK(message_of([&] { Model::load(path); }) == path + ": sixgrad.model: has no layers, at least one is needed");
  Model small = model_of(R"({"type": "relu"})");
  CHECK(contains(message_of([&] { small.load_weights(path); }),
                 {path + ": the tensors do not fit the model: unexpected: \"layers.0.bias\""}));
}
