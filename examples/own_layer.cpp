// A layer of one's own: settings, parameters, summary, JSON and files as for those of the library.
#include <sixgrad.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

struct LayerScaleConfig {
  double start = 0.1;
  static void fields(auto& visit, auto& c) { visit("start", c.start, "first value of the factors", six::between(1e-6, 10)); }
};

// A learned factor for each channel, at the end of a residual branch (Touvron et al. 2021, arXiv:2103.17239).
struct LayerScale : six::LayerOf<LayerScale, LayerScaleConfig> {
  static constexpr const char *kType = "layer_scale", *kSummary = "a learned factor for each channel";
  using LayerOf::LayerOf;

  six::Shape build(six::Builder& b, const six::Shape& in) override {
    weight = b.param("weight", {1, 1, in.channels()}, six::constant_init(six::real(config.start)), true);
    b.macs(in.size());
    return in;
  }
  six::Var forward(six::Var x) const override { return six::depthwise_conv2d(x, weight.on(x.tape())); }

  six::ParamRef weight;
};

int main() {
  return six::run_program("own_layer", [&] {
    six::registry().add<LayerScale>();
    six::Model model = six::Model::from_json(R"({"format": "sixgrad-model", "version": 1, "input": [8, 8, 1], "layers": [
      {"type": "conv2d", "out_channels": 16, "bias": false}, {"type": "batch_norm"}, {"type": "relu6"},
      {"type": "residual", "layers": [{"type": "separable", "out_channels": 16}, {"type": "layer_scale", "start": 0.5}]},
      {"type": "global_avg_pool"}, {"type": "linear", "out_features": 10}]})");
    std::printf("%s\n", model.summary().c_str());

    const six::Dataset data = six::load_digits();
    six::AdamW adamw(model.params(), {.lr = 1e-2});
    six::Tape tape;
    for (std::uint64_t epoch = 0; epoch < 5; ++epoch)
      for (const six::Batch& batch : data.train.batches(32, {.shuffle_seed = 1, .epoch = epoch})) {
        tape.reset();
        tape.backward(six::cross_entropy(model(tape.input(batch.images)), batch.labels));
        adamw.step();
      }
    std::printf("test accuracy %.2f %%\n", 100 * six::accuracy(model, data.test));

    const std::filesystem::path file = std::filesystem::temp_directory_path() / "own_layer.safetensors";
    model.save(file.string());
    const six::Model loaded = six::Model::load(file.string());
    std::filesystem::remove(file);
    const bool same = loaded.logits(data.test.bytes(0, 100)) == model.logits(data.test.bytes(0, 100));
    std::printf("saved and loaded: the outputs are %s\n", same ? "the same" : "different");
    return same ? 0 : 1;
  });
}
