#include "deploy.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "../core/error.h"
#include "../layers/quantized.h"
#include "../train/config.h"
#include "../train/environment.h"
#include "../train/run_folder.h"
#include "c_text.h"

namespace six {
namespace {

std::string in_percent(double x) {
  char out[32];
  std::snprintf(out, sizeof out, "%.2f %%", 100 * x);
  return out;
}

std::vector<std::string> provenance(const Model& model, const Dataset& data, const DeployReport& r, const IntNetwork& net,
                                    bool trained) {
  char digest[16];
  std::snprintf(digest, sizeof digest, "%08x", unsigned(data.digest));
  const QuantOptions& q = net.options;
  return {text(library_version(), ", model ", model.name(), ", seed ", training_of(model).seed),
          text("config ", config_hash(model)),
          text("data ", data.name, " ", digest, trained ? "" : text(", calibrated on ", r.calibration_images, " training images")),
          text("test accuracy of this integer network ", in_percent(r.integer_accuracy), " on ", r.images, " images (float ",
               in_percent(r.float_accuracy), ")"),
          text("rounding ", choices_of(q.rounding)[std::size_t(q.rounding)], net.fold_mean ? ", mean folded, " : ", ", "ranges ",
               trained ? "trained with the weights"
                       : text(choices_of(q.relu6_range)[std::size_t(q.relu6_range)], " ",
                              choices_of(q.activations.observer)[std::size_t(q.activations.observer)])),
          text("weights ", q.weights.bits, " bits, activations ", q.activations.bits, " bits"),
          text("constants ", r.flash, " bytes, working memory ", r.arena, " bytes, ", r.macs, " MACs")};
}

}  // namespace

Deployment deploy(const Model& model, const Dataset& data, const DeployOptions& o,
                  const std::function<void(const std::string&)>& say) {
  check_c_name(o.name);
  require(o.self_test_images >= 0 && o.self_test_images <= std::min(3L, data.train.size()), "self-test: ", o.self_test_images,
          " images, must be 0 to 3 (--self-test-images)");
  const Graph graph = graph_of(model);
  const long calibration = graph.quant ? 0 : o.calibration;
  require(graph.quant || (calibration >= 1 && calibration <= data.train.size()), "calibration on ", calibration,
          " images, must be 1 to ", data.train.size(), ", the size of the training set");
  QuantOptions quant = o.quant;
  if (const QuantizedConfig* own = quantized_config(model))
    quant.weights = own->weights, quant.activations = own->activations, quant.relu6_range = own->relu6_range;
  const std::vector<Range> ranges = calibrate(graph, data.train.bytes(0, calibration), quant, o.threads);
  Deployment d;
  d.network = quantize(graph, ranges, quant, o.int32_logits, o.fold_mean);
  if (o.pack4) pack_weights(d.network);
  COptions c{.name = o.name, .caller_arena = o.caller_arena, .avr = o.avr};
  for (long i = 0; i < o.self_test_images; ++i) {
    const std::uint8_t* image = data.train.bytes(i, 1).data;
    c.images.emplace_back(image, image + data.train.image.size());
  }
  const MemoryPlan plan = plan_memory(d.network, o.memory);
  if (say) {
    say(plan_text(make_plan_report(d.network, plan)));
    if (quant.rounding == Rounding::twofold)
      say(text("measuring on ", data.test.size(), " test images, without fast kernels, which round once ...\n"));
  }
  d.report = make_report(model, graph, d.network, plan, data.test, o.threads, o.checked);
  d.report.calibration_images = calibration;
  c.provenance = provenance(model, data, d.report, d.network, bool(graph.quant));
  d.files = write_c(d.network, c, plan);
  OrderedJson json = {{"name", o.name}, {"provenance", c.provenance}};
  json.update(report_json(d.report));
  d.json = json.dump(2) + '\n';
  for (const std::string& line : c.provenance) d.text += line + '\n';
  d.text += '\n' + plan_text(d.report) + '\n' + report_text(d.report);
  return d;
}

void check_outputs(const std::vector<std::string>& files, const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code none;
  std::set<fs::path> places;
  for (const std::string& file : files) {
    require(places.insert(fs::absolute(file, none).lexically_normal()).second, file, ": would be written twice; name another");
    require(!fs::is_directory(file, none), file, ": is a folder where a file should be written");
    const fs::path of = fs::path(file).parent_path(), parent = of.empty() ? "." : of;
    if (fs::exists(parent, none))
      make_folder(parent.string());  // is one, and can be written to
    else
      require(parent.lexically_normal() == (fs::path(folder) / "x").lexically_normal().parent_path(), file, ": there is no folder ",
              parent.string());
  }
}

std::vector<std::string> deployed_files(const std::string& name, const std::string& folder) {
  return {folder + '/' + name + ".h", folder + '/' + name + ".c", folder + "/report.json", folder + "/report.txt"};
}

void write_deployment(const Deployment& d, const std::string& name, const std::string& folder, std::vector<NewFile> more) {
  make_folder(folder);
  const std::vector<std::string> files = deployed_files(name, folder);
  const std::string* contents[] = {&d.files.header, &d.files.source, &d.json, &d.text};
  std::vector<NewFile> all;
  for (std::size_t i = 0; i < files.size(); ++i) all.push_back({files[i], {*contents[i]}});
  std::move(more.begin(), more.end(), std::back_inserter(all));
  write_files_atomic(all);
}

}  // namespace six
