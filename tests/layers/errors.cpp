// Every way a JSON model can be wrong: one line that says where, what, and both numbers.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support.h"

using namespace six;
using namespace six::test;

namespace {

std::string error_of_text(const std::string& text) {
  return message_of([&] { Model::from_json(text); });
}

}  // namespace

TEST_CASE("model errors: not a sixgrad model") {
  CHECK(error_of_text("{") ==
        "model: line 1, column 1: syntax error while parsing object key - unexpected end of input; expected string literal");
  CHECK(error_of_text("{}") == "model: missing key \"format\": this is no sixgrad model");
  CHECK(error_of_text(R"({"format": "keras"})") == "model: format is \"keras\", expected \"sixgrad-model\"");
  CHECK(error_of_text(R"({"format": "sixgrad-model"})") == "model: missing key \"version\"");
  CHECK(error_of_text(R"({"format": "sixgrad-model", "version": 2})") ==
        "model: version is 2, this library reads version 1; a newer one is needed");
  CHECK(error_of_text(R"({"format": "sixgrad-model", "version": 0})") == "model: version is 0, this library reads version 1");
  CHECK(error_of_text(R"({"format": "sixgrad-model", "version": 1.0})") == "model: version must be an integer, got 1.0");
  CHECK(error_of_text(R"({"format": "sixgrad-model", "version": 1})") == "model: missing key \"input\"; missing key \"layers\"");
  CHECK(error_of_text(R"({"format": "sixgrad-model", "version": 1, "input": [8], "layer": [], "layers": [], "name": 3})") ==
        "model: unknown key \"layer\", did you mean \"layers\"? (known: training, format, version, name, input, layers); name must "
        "be a "
        "string, got 3");
  CHECK(contains(error_of_text(R"({"format": "sixgrad-model", "version": 1, "version": 1})"), {"duplicate key \"version\""}));
}

TEST_CASE("model errors: a file is named") {
  CHECK(contains(message_of([] { Model::from_json("/nowhere/model.json"); }), {"/nowhere/model.json"}));
  const TempFolder folder;
  put(folder / "m.json", model_text(R"({"type": "conv"})"));
  CHECK(contains(message_of([&] { Model::from_json(folder / "m.json"); }), {"m.json: layers[0]: unknown layer \"conv\""}));
}

TEST_CASE("model errors: input") {
  const std::string relu = R"({"type": "relu"})";
  CHECK(error_of(relu, "[8, 8]") == "model: input must be [height, width, channels] or [features], got 2 sizes");
  CHECK(error_of(relu, "[8, 0, 1]") == "model: input[1] is 0, must be between 1 and 16777216");
  CHECK(error_of(relu, "[8, -8, 1]") == "model: input[1] is -8, must be between 1 and 16777216");
  CHECK(error_of(relu, "[8, 8, 1.5]") == "model: input[2] must be an integer, got 1.5");
  CHECK(error_of(relu, "28") == "model: input must be an array of integers, got 28");
  CHECK(error_of(relu, "[65536, 65536, 16]") ==
        "model: the input is too large: at most 2147483647 numbers are supported ([65536,65536,16])");
}

TEST_CASE("model errors: layers that are none") {
  CHECK(error_of("") == "model: has no layers, at least one is needed");
  CHECK(error_of("3") == "model: layers[0]: must be an object {\"type\": ...}, got 3");
  CHECK(error_of("{}") == "model: layers[0]: missing key \"type\"");
  CHECK(error_of(R"({"type": 5})").starts_with("model: layers[0]: unknown layer 5 (known: conv2d, depthwise_conv2d, linear, "));
  CHECK(error_of(R"({"type": "relu"}, {"type": "depthwise_conv"})")
            .starts_with("model: layers[1]: unknown layer \"depthwise_conv\", did you mean \"depthwise_conv2d\"? (known: "));
  CHECK(error_of(R"({"type": "residual", "layers": []})") == "model: layers[0] (residual): has no layers, at least one is needed");
  CHECK(error_of(R"({"type": "residual", "layers": {}})") ==
        "model: layers[0] (residual): layers must be an array of layers, got {}");
}

TEST_CASE("model errors: keys of a layer") {
  CHECK(error_of(R"({"type": "conv2d", "out_chanels": 4, "stride": 0})") ==
        "model: layers[0] (conv2d): unknown key \"out_chanels\", did you mean \"out_channels\"? (known: type, out_channels, "
        "kernel, stride, "
        "padding, bias, init, name, trainable); missing key \"out_channels\"; stride is 0, must be between 1 and 65536");
  CHECK(error_of(R"({"type": "linear", "out_features": "ten"})") ==
        "model: layers[0] (linear): out_features must be an integer, got \"ten\"");
  CHECK(error_of(R"({"type": "conv2d", "out_channels": -1})") ==
        "model: layers[0] (conv2d): out_channels is -1, must be between 1 and 16777216");
  CHECK(error_of(R"({"type": "conv2d", "out_channels": 4, "kernel": [3]})") ==
        "model: layers[0] (conv2d): kernel must be an integer or [height, width], got [3]");
  CHECK(error_of(R"({"type": "conv2d", "out_channels": 4, "kernel": [3, 0]})") ==
        "model: layers[0] (conv2d): kernel is 0, must be between 1 and 65536");
  CHECK(error_of(R"({"type": "conv2d", "out_channels": 4, "padding": "valid"})") ==
        "model: layers[0] (conv2d): padding must be an integer, [top, left, bottom, right] or \"same\", got \"valid\"");
  CHECK(error_of(R"({"type": "conv2d", "out_channels": 4, "padding": [1, 1]})") ==
        "model: layers[0] (conv2d): padding must be an integer, [top, left, bottom, right] or \"same\", got [1,1]");
  CHECK(error_of(R"({"type": "conv2d", "out_channels": 4, "padding": [0, 0, -1, 0]})") ==
        "model: layers[0] (conv2d): padding is -1, must be between 0 and 65536");
  CHECK(error_of(R"({"type": "conv2d", "out_channels": 4, "init": "he"})") ==
        "model: layers[0] (conv2d): init must be \"he_normal\", \"pytorch_uniform\" or \"glorot_uniform\", got \"he\"");
  CHECK(error_of(R"({"type": "relu"}, {"type": "relu"}, {"type": "relu6", "at_kink": 0.7})") ==
        "model: layers[2] (relu6): at_kink must be 0, 0.5 or 1, or a pair of them, got 0.7");
  CHECK(error_of(R"({"type": "relu6", "at_kink": "half"})") ==
        "model: layers[0] (relu6): at_kink must be 0, 0.5 or 1, or a pair of them, got \"half\"");
  CHECK(error_of(R"({"type": "clamp", "min": 2, "max": 1})") ==
        "model: layers[0] (clamp): min must not exceed max, and neither may be NaN, got [2, 1]");
  CHECK(error_of(R"({"type": "batch_norm", "eps": 0})") == "model: layers[0] (batch_norm): eps is 0, must be between 1e-30 and 1");
  CHECK(error_of(R"({"type": "dropout", "p": 1})") == "model: layers[0] (dropout): p is 1, must be in [0, 1)");
  CHECK(error_of(R"({"type": "separable", "out_channels": 4, "activation": {"type": "relu6", "at_kinks": 1}})") ==
        "model: layers[0] (separable): activation (relu6): unknown key \"at_kinks\", did you mean \"at_kink\"? (known: type, "
        "at_kink, name, "
        "trainable)");
  CHECK(error_of(R"({"type": "separable", "out_channels": 4, "activation": "relu6"})") ==
        "model: layers[0] (separable): activation: must be an object {\"type\": ...}, got \"relu6\"");
}

TEST_CASE("model errors: names of layers") {
  CHECK(error_of(R"({"type": "relu", "name": "a.b"})") ==
        "model: layers[0] \"a.b\" (relu): the name \"a.b\" must be letters, digits, - and _, at most 64 and no digit first");
  CHECK(contains(error_of(R"({"type": "relu", "name": "3"})"), {"the name \"3\" must be letters"}));
  CHECK(error_of(R"({"type": "relu", "name": "a"}, {"type": "relu", "name": "a"})") == "model: two layers have the name \"a\"");
  CHECK(error_of(R"({"type": "separable", "out_channels": 2, "activation": {"type": "relu", "name": "a"}})") ==
        "model: layers[0] (separable): act1 has the name \"a\"; parts of a block are named by the block");
}

TEST_CASE("model errors: layers that do not fit their input") {
  CHECK(error_of(R"({"type": "conv2d", "out_channels": 4, "kernel": 5, "padding": 0})", "[3, 3, 16]") ==
        "model: layers[0] (conv2d): kernel 5 does not fit input 3x3 with padding 0 and 0 (x [1,3,3,16], w [5,5,16,4])");
  CHECK(
      error_of(R"({"type": "relu"}, {"type": "depthwise_conv2d", "kernel": 9, "padding": 0, "name": "dw"})") ==
      "model: layers[1] \"dw\" (depthwise_conv2d): kernel 9 does not fit input 8x8 with padding 0 and 0 (x [1,8,8,3], w [9,9,3])");
  CHECK(error_of(R"({"type": "conv2d", "out_channels": 4})", "[10]") ==
        "model: layers[0] (conv2d): the input must be an image [h,w,c], got [10]");
  CHECK(error_of(R"({"type": "linear", "out_features": 4})") ==
        "model: layers[0] (linear): the input must be one row of features, got [8,8,3]; put a flatten or global_avg_pool layer "
        "before it");
  CHECK(contains(error_of(R"({"type": "max_pool2d", "kernel": 9})"), {"layers[0] (max_pool2d): ", "9", "8x8"}));
  CHECK(error_of(R"({"type": "max_pool2d", "kernel": 3, "padding": 2})") ==
        "model: layers[0] (max_pool2d): padding is 2, must be at most half of kernel 3");
  CHECK(contains(error_of(R"({"type": "global_avg_pool"}, {"type": "global_avg_pool"})"),
                 {"layers[1] (global_avg_pool): ", "got [3]"}));
  CHECK(error_of(R"({"type": "residual", "layers": [{"type": "conv2d", "out_channels": 4}]})") ==
        "model: layers[0] (residual): the layers must keep the shape, their input is [8,8,3], their output [8,8,4]");
  CHECK(
      error_of(
          R"({"type": "residual", "layers": [{"type": "relu"}, {"type": "conv2d", "out_channels": 3, "kernel": 11, "padding": 0}]})") ==
      "model: layers[0] (residual): layers[1] (conv2d): kernel 11 does not fit input 8x8 with padding 0 and 0 (x [1,8,8,3], w "
      "[11,11,3,3])");
  CHECK(error_of(R"({"type": "separable", "out_channels": 4, "activation": {"type": "global_avg_pool"}})") ==
        "model: layers[0] (separable): act1 (global_avg_pool): an activation must keep the shape, [8,8,3] became [3]");
  CHECK(error_of(R"({"type": "flatten"}, {"type": "residual", "layers": [{"type": "linear", "out_features": 192}]})") ==
        "model: layers[1] (residual): the input is the flattened image [8,8,3]; put a linear layer between flatten and this");
}

TEST_CASE("model errors: sizes that no memory holds are refused before anything is allocated") {
  CHECK(error_of(R"({"type": "conv2d", "out_channels": 16777216, "kernel": 65536})", "[1, 1, 16777216]") ==
        "model: layers[0] (conv2d): shape: [65536,65536,16777216,16777216] has more than 281474976710656 numbers");
  CHECK(error_of(R"({"type": "conv2d", "out_channels": 16777216, "kernel": 1})", "[1, 1, 16777216]") ==
        "model: layers[0] (conv2d): weight [1,1,16777216,16777216] is too large: at most 268435456 parameters are supported, all "
        "layers together");
  CHECK(contains(error_of(R"({"type": "flatten"}, {"type": "linear", "out_features": 16777216})"),
                 {"layers[1] (linear): weight [192,16777216]"}));
  CHECK(error_of(R"({"type": "conv2d", "out_channels": 16777216, "kernel": 1})", "[256, 256, 1]") ==
        "model: layers[0] (conv2d): an image of 16777216 channels, with padding and stride 1, has 1.10812e+12 numbers, at most "
        "2147483647 are supported (x [1,256,256,1])");
  CHECK(error_of(R"({"type": "inverted_residual", "out_channels": 4, "expansion": 65536})", "[1, 1, 16777216]") ==
        "model: layers[0] (inverted_residual): expansion 65536 makes 1099511627776 channels, at most 16777216 are supported");
  std::string many;
  for (int i = 0; i < 20; ++i) many += std::string(i ? "," : "") + R"({"type": "linear", "out_features": 4096})";
  CHECK(contains(error_of(many, "[4096]"), {"layers[15] (linear): weight [4096,4096] is too large"}));  // the sum is what counts
}

TEST_CASE("model errors: too many layers") {
  std::string layers;
  for (int i = 0; i < 10'001; ++i) layers += std::string(i ? "," : "") + R"({"type":"relu"})";
  CHECK(error_of(layers) == "model: layers has 10001 layers, at most 10000 are supported");
  std::string blocks;
  for (int i = 0; i < 1'500; ++i) blocks += std::string(i ? "," : "") + R"({"type":"separable","out_channels":1})";
  CHECK(contains(error_of(blocks), {"layers[1428]", "too many layers: at most 10000 are supported"}));
}

TEST_CASE("model errors: nesting too deep for the parser") {
  std::string inner = R"({"type": "relu"})";
  for (int i = 0; i < 40; ++i) inner = R"({"type": "sequential", "layers": [)" + inner + "]}";
  CHECK(contains(error_of(inner), {"nested deeper than 64 levels"}));
}

TEST_CASE("model errors: settings made in C++ are checked as those of files are") {
  CHECK(message_of([] {
          Model({8, 8, 3}, Sequential{Conv2d{{.out_channels = 0}}});
        }) == "layers[0] (conv2d): out_channels is 0, must be between 1 and 16777216");
  CHECK(message_of([] {
          Model({8, 8, 3}, Sequential{ReLU6{}, ReLU6{.at_kink = 2}});
        }) == "layers[1] (relu6): at_kink must be 0, 0.5 or 1, or a pair of them, got 2");
  CHECK(message_of([] { Model({8, 8, 3}, Sequential{}); }) == "has no layers, at least one is needed");
  CHECK(message_of([] { Model({}, Sequential{ReLU6{}}); }) == "the input has 0 dimensions, expected 1 to 3 ([])");
  CHECK(message_of([] { Model({8, 0, 3}, Sequential{ReLU6{}}); }) == "the input is empty ([8,0,3])");
}

TEST_CASE("model errors: use") {
  const Model net = model_of(R"({"type": "batch_norm"}, {"type": "global_avg_pool"}, {"type": "linear", "out_features": 4})");
  Tape tape;
  const std::vector<real> x(8 * 8 * 4);
  CHECK(message_of([&] {
          net(tape.input(x.data(), {1, 8, 8, 4}));
        }) == "model: the input has shape [1,8,8,4], expected n samples of [8,8,3]");
  CHECK(message_of([&] {
          net(tape.input(x.data(), {8, 8, 3}));
        }) == "model: the input has shape [8,8,3], expected n samples of [8,8,3]");
  const std::vector<std::uint8_t> image(100);
  CHECK(message_of([&] { net.predict(image); }) == "predict: the image has 100 bytes, expected 192 ([8,8,3])");
  CHECK(message_of([&] {
          Conv2d{{.out_channels = 4}}(tape.input(x.data(), {1, 8, 8, 4}));
        }) == "this layer belongs to no model yet: give it to a Model first");
}

TEST_CASE("model errors: an op's error names the layer once, and the tape's scope comes back") {
  const Model net({1, 1, 3}, Sequential{ReLU6{}, BatchNorm{}});
  const std::vector<real> x(3);
  Tape tape;
  CHECK(message_of([&] {
          net(tape.input(x.data(), {1, 1, 1, 3}));
        }) == "layers[1] (batch_norm): batch statistics need at least 2 numbers a channel, got 1 (x [1,1,1,3])");
  CHECK(std::string(tape.set_scope("")) == "");
}

TEST_CASE("model errors: the first layer whose output is not finite is named") {
  Model net =
      model_of(R"({"type": "conv2d", "out_channels": 2}, {"type": "separable", "out_channels": 2}, {"type": "global_avg_pool"})");
  const std::vector<Param>& params = net.params().params();
  for (std::size_t i = 0; i < params.size(); ++i)
    if (params[i].name == "layers.1.pointwise.weight") net.params().value(int(i))[0] = kInf;
  const std::vector<real> x = draw(2 * 192);
  Tape tape({.threads = 1, .check_finite = true});
  CHECK(contains(message_of([&] {
                   net(tape.input(x.data(), {2, 8, 8, 3}));
                 }),
                 {"layers.1.pointwise (conv2d): the output ", "is not finite"}));
}
