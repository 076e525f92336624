// Turns a trained model into one C file of integer arithmetic. See `deploy --help`.
#include "../deploy/deploy.h"

#include <nlohmann/json.hpp>

#include "../deploy/int_inference.h"
#include "../layers/quantized.h"
#include "../train/config.h"
#include "command_line.h"
#include "mnist/images.h"

namespace {

struct Arguments {
  std::string run, out, data, test_logits, rounding = "single", logits = "int8", observer = "minmax", range = "fixed6",
                                           arena = "static", per = "channel";
  six::DeployOptions options;
};

void describe(CLI::App& app, Arguments& a) {
  six::DeployOptions& o = a.options;
  const auto add = [&app](const char* name, auto& value, const char* text, const char* what) {
    return six::add_with_default(app, name, value, text, what);
  };
  const auto choice = [&app](const char* name, std::string& value, const std::vector<std::string>& words, const char* what) {
    six::add_choice(app, name, value, words, what);
  };
  six::add(app, "RUN", a.run, "", "Folder of a run of `mnist train`, or a model.safetensors")->required();
  six::add(app, "--name", o.name, "NAME", "Of the file and its functions, in upper case of its macros: a C identifier")->required();
  six::add(app, "--out", a.out, "DIR", "Folder for NAME.c, NAME.h, report.json, report.txt")->required();
  six::add(app, "--data", a.data, "DIR", "Folder with the four files of MNIST",
           "$MNIST_DIR, else the cache folder, else a download");
  add("--calibration", o.calibration, "N", "Training images on which ranges are observed");
  choice("--observer", a.observer, {"minmax", "ema", "percentile", "mse", "fixed"}, "How a range follows from what was seen");
  add("--percentile", o.quant.activations.percentile, "P", "For that observer");
  add("--fixed", o.quant.activations.fixed, "R", "For that observer");
  choice("--relu6-range", a.range, {"fixed6", "observed"}, "Behind ReLU6: its ends, or what was observed");
  choice("--weights", a.per, {"channel", "tensor"}, "Weights that share a scale");
  add("--weight-bits", o.quant.weights.bits, "N", "4 to 8")->check(CLI::Range(4, 8));
  app.add_flag("--pack4", o.pack4, "Two weights of 4 bits share a byte of flash");
  add("--activation-bits", o.quant.activations.bits, "N", "4 to 8")->check(CLI::Range(4, 8));
  choice("--rounding", a.rounding, {"single", "double"},
         "Once, or twice as TensorFlow Lite Micro and CMSIS-NN do by default; of a model trained as integers, as it was trained");
  choice("--logits", a.logits, {"int8", "int32"}, "Codes, or the sums of the last layer");
  choice("--arena", a.arena, {"static", "caller"}, "Working memory: static, or the caller's");
  app.add_flag_callback(
      "--no-overlap", [&o] { o.memory.overlap = false; }, "Values that are alive together never share memory");
  app.add_flag("--fused-dw-pw", o.memory.fuse,
               "Depthwise convolutions run inside the pointwise ones behind them, pixel by pixel, where that saves memory");
  app.add_flag(
      "--fold-mean", o.fold_mean,
      "The mean over the image and the linear layer behind it as one, which spares a rounding; not with --rounding double");
  app.add_flag("--avr-progmem", o.avr, "Constants stay in the flash of an AVR");
  add("--self-test-images", o.self_test_images, "N", "Training images embedded for -DNAME_SELFTEST, 0 to 3");
  six::add(app, "--test-logits", a.test_logits, "FILE",
           "For the logits of all test images, [images][classes] of little-endian int32: what a device must give");
  add("--check", o.checked, "N", "Test images on which the fast kernels are compared with the plain loops")
      ->check(CLI::Range(0L, 1'000'000'000L));
  add("--threads", o.threads, "N", "0: all processors; the result is the same for any number")->check(CLI::Range(0, 1024));
}

// The enum of these names.
template <class E>
E chosen(const std::string& name) {
  const auto names = six::choices_of(E{});
  return E(std::find(names.begin(), names.end(), name) - names.begin());
}

// A fake-quantised model has settings of its own: what the command line says may not contradict them.
void take_over(const CLI::App& app, six::QuantOptions& q, const six::QuantizedConfig& own) {
  const auto settle = [&](const char* option, auto& value, const auto& trained) {
    six::OrderedJson text;
    six::write_value(text, trained);
    six::require(!app.count(option) || value == trained, option, ": the model was trained with ", six::one_line(text),
                 "; leave the option out");
    value = trained;
  };
  settle("--weight-bits", q.weights.bits, own.weights.bits), settle("--weights", q.weights.per, own.weights.per);
  settle("--activation-bits", q.activations.bits, own.activations.bits);
  settle("--observer", q.activations.observer, own.activations.observer);
  settle("--percentile", q.activations.percentile, own.activations.percentile);
  settle("--fixed", q.activations.fixed, own.activations.fixed);
  settle("--relu6-range", q.relu6_range, own.relu6_range);
  six::require(!app.count("--calibration"), "--calibration: the ranges of this model were trained; leave the option out");
  if (!app.count("--rounding")) q.rounding = own.rounding;
}

int run(int argc, char** argv) {
  CLI::App app("Writes a trained model as one C file of integers that computes the same bits\nanywhere.", "deploy");
  Arguments a;
  describe(app, a);
  if (const auto code = six::parse_arguments(app, argc, argv)) return *code;
  six::DeployOptions& o = a.options;
  o.quant.rounding = chosen<six::Rounding>(a.rounding), o.quant.relu6_range = chosen<six::ClampRange>(a.range);
  o.quant.activations.observer = chosen<six::Observer>(a.observer), o.quant.weights.per = chosen<six::Granularity>(a.per);
  o.int32_logits = a.logits == "int32", o.caller_arena = a.arena == "caller";
  six::check_c_name(o.name);
  six::check_fields(six::fields_in(o.quant.activations));
  std::vector<std::string> files = six::deployed_files(o.name, a.out);
  if (!a.test_logits.empty()) files.push_back(a.test_logits);
  six::check_outputs(files, a.out);
  const six::Model model = six::Model::load(a.run);
  if (const auto* own = six::quantized_config(model))
    six::in_context(a.run, [&] { take_over(app, o.quant, *own); });
  else
    for (const char* option : {"--percentile", "--fixed"})
      six::require(!app.count(option) || option == "--" + a.observer, option, ": is for --observer ", option + 2, ", not ",
                   a.observer);
  six::require(!o.fold_mean || o.quant.rounding == six::Rounding::single,
               "--fold-mean: needs sums that are rounded once; add --rounding single, or leave the option out");
  const six::Dataset data = mnist::load_images(six::in_context(a.run, [&] { return six::training_of(model); }), a.data);
  const six::Deployment d = six::in_context(a.run, [&] {
    return six::deploy(model, data, o, [](const std::string& text) { std::printf("%s\n", text.c_str()), std::fflush(stdout); });
  });
  std::vector<std::int32_t> logits;
  std::vector<six::NewFile> more;
  if (!a.test_logits.empty()) {
    logits = six::integer_logits(d.network, data.test.bytes(0, data.test.size()), o.threads);
    more = {{a.test_logits, {{reinterpret_cast<const char*>(logits.data()), logits.size() * sizeof(std::int32_t)}}}};
  }
  six::write_deployment(d, o.name, a.out, std::move(more));
  std::printf("%s\n%s: %s.c, %s.h, report.json, report.txt\n", six::report_text(d.report).c_str(), a.out.c_str(), o.name.c_str(),
              o.name.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return six::run_program("deploy", [&] { return run(argc, argv); });
}
