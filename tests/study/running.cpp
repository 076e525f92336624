// Runs of a few seconds on the embedded digits.
#include <doctest/doctest.h>

#include <limits>
#include <regex>

#include "../../core/ops/ops.h"
#include "../../data/file.h"
#include "../../deploy/c_writer.h"
#include "../../deploy/quantize.h"
#include "../../examples/study/activations.h"
#include "../../examples/study/columns.h"
#include "../../examples/study/diagnose.h"
#include "../../examples/study/study.h"
#include "../../train/environment.h"
#include "../data/support.h"

using namespace six;
using namespace six::study;
using namespace six::test;

namespace {

const Setting& digits() {
  static const Setting s = [] {
    register_activations();
    return load_setting("", true);
  }();
  return s;
}

Run small(std::string part, std::string arm, int seed = 1) {
  return {.part = std::move(part), .arm = std::move(arm), .seed = seed, .epochs = 2, .images = 320};
}

Course trained(const Run& run, Model& model, bool fused = true) {
  Schooling how = schooling_of(digits(), run, digits().lr);
  how.fused = fused;
  Split split = digits().data.train;
  split.pixels.resize(std::size_t(run.images * split.image.size())), split.labels.resize(std::size_t(run.images));
  return train(model, split, how);
}
Course trained(const Run& run) {
  Model model = make_model(digits(), run);
  return trained(run, model);
}

}  // namespace

TEST_CASE("the digits are the study's second set: their net, 15 epochs, a part for validation") {
  CHECK(digits().dataset == "digits");
  CHECK(digits().data.train.size() == 1200);
  CHECK(digits().data.validation.size() == 237);
  CHECK(digits().file_hashes.size() == 4);
  CHECK(make_model(digits(), small("main", "relu")).parameter_count() == 9034);
}

TEST_CASE("nets of a pair start equal, and control runs stay so to the last bit") {
  const Course relu = trained(small("main", "relu"));
  CHECK(relu.steps() == 20);
  CHECK(relu.hashes == trained(small("control", "relu")).hashes);
  CHECK(relu.hashes == trained(small("control", "relu_n1e9")).hashes);
  const Course other = trained(small("main", "relu", 2));
  CHECK(relu.hashes[0] != other.hashes[0]);
  CHECK(relu.order_hash != other.order_hash);
  for (const char* arm : {"relu6", "relu4", "relu1"}) {
    CAPTURE(arm);
    const Course clipped = trained(small("main", arm));
    CHECK(clipped.hashes[0] == relu.hashes[0]);
    CHECK(clipped.order_hash == relu.order_hash);
    const long touch = clipped.first_touch, step = first_divergence(clipped.hashes, relu.hashes);
    REQUIRE(touch >= 1);
    CHECK(step >= touch);
    for (const Observation& o : clipped.observed)
      if (o.step < touch) CHECK(o.all.largest < arm_of(arm).touch());
  }
  // PACT begins as ReLU6: the same loss.
  CHECK(trained(small("pact", "pact")).losses[0] == trained(small("main", "relu6")).losses[0]);
}

TEST_CASE("a net whose inputs never reach the clip is the net without it") {
  Run run = small("nobn", "relu");
  run.bn = false, run.epochs = 1;
  const Course relu = trained(run);
  run.arm = "relu6";
  const Course relu6 = trained(run);
  const long touch = relu6.first_touch, step = first_divergence(relu.hashes, relu6.hashes);
  CHECK((touch < 0 ? step < 0 : step >= touch));
  CHECK(relu.first_touch == touch);
}

TEST_CASE("the derivative at kinks is compared on the same kernels: without ties nothing differs") {
  Run run = small("kink", "relu6");
  const auto course = [&](double kink) {
    run.at_kink = kink;
    Model model = make_model(digits(), run);
    return trained(run, model, false);
  };
  const Course zero = course(0), one = course(1);
  long ties = 0, step = first_divergence(zero.hashes, one.hashes);
  for (const Observation& o : zero.observed)
    if (step < 0 || o.step <= step) ties += o.all.at_0 + o.all.at_touch;
  CHECK((step < 0) == (ties == 0));
}

TEST_CASE("relu1 saturates, and PACT learns its clips") {
  const auto cut = [](const char* arm) {
    Model model = make_model(digits(), small("clip", arm));
    trained(small("clip", arm), model);
    Table layers(kLayers);
    diagnose(digits(), small("clip", arm), model, "end", layers);
    CHECK(layers.size() == 7);
    std::vector<double> shares = layers.numbers("frac_grad_cut");
    for (double s : layers.numbers("sqnr8")) CHECK(s > 20);
    return *std::max_element(shares.begin(), shares.end());
  };
  CHECK(cut("relu1") > 0.1);
  CHECK(cut("relu6") < 0.1);
  CHECK(cut("relu") == 0);
  Model model = make_model(digits(), small("pact", "pact"));
  trained(small("pact", "pact"), model);
  const Clips clips = clips_of(small("pact", "pact"), model);
  CHECK(clips.size() == 7);
  for (double c : clips) CHECK((c != 6 && c > 0));
}

TEST_CASE("scaling the first layer's weights is scaling the image") {
  Model model = make_model(digits(), small("main", "relu"));
  const Bytes images = digits().data.test.bytes(0, 4);
  std::vector<real> numbers(std::size_t(images.shape.size()));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = 4 * (real(images.data[i]) / 255);
  Tape tape({.threads = 1, .training = false, .record = false});
  const std::vector<real> expected = model(tape.input(numbers.data(), images.shape)).values();
  tape.reset();
  scale_input(model, 4);
  CHECK(model(tape.input(images)).values() == expected);
}

TEST_CASE("results are the same bytes for one and two workers; a finished run is not repeated, a damaged one is") {
  std::vector<Run> runs = {small("nobn", "relu"), small("nobn", "relu6"), small("main", "relu6")};
  runs[0].bn = runs[1].bn = false, runs[0].grid = Grid::primary;
  const TempFolder one, two;
  const auto carry = [&](const TempFolder& folder, int threads, double lr) {
    make_folder(folder / "runs");
    return carry_out(digits(), runs, lr, folder.path(), threads);
  };
  const double lr = digits().lr;
  const std::vector<Record> records = carry(one, 1, lr), again = carry(two, 2, lr);
  for (const auto& [folder, of] : {std::pair{&one, &records}, std::pair{&two, &again}})
    write_tables(digits(), {Mode::quick, lr, runs}, *of, folder->path());
  for (const std::string& name : one.names())
    if (name != "timing.csv" && name != "runs") CHECK_MESSAGE(take(one / name) == take(two / name), name);
  CHECK(one.names().size() >= 12);

  const std::string path = one / "runs/nobn-relu6-1.run", whole = take(path), kept = take(one / "runs/nobn-relu-1.run");
  std::string damaged = whole;
  damaged[damaged.size() / 2] = char(damaged[damaged.size() / 2] ^ 1);
  put(path, damaged);
  CHECK(message_of([&] { parse_record(damaged, "x"); }) == "x: damaged, its checksum is another");
  CHECK(message_of([&] { parse_record("", "x"); }) == "x: no run of a study");
  const std::vector<Record> third = carry(one, 1, lr);
  CHECK(third[1].hashes == records[1].hashes);
  CHECK(parse_record(take(path), path).tables == records[1].tables);
  CHECK(take(one / "runs/nobn-relu-1.run") == kept);

  const std::string message = message_of([&] { carry(one, 1, 2 * lr); });
  CHECK_MESSAGE(contains(message, {"nobn-relu-1.run: is of another study (lr 0.02, now 0.04); choose another folder"}), message);

  Record other = parse_record(kept, path);
  const std::string isa = std::string("\"instruction_set\":\"") + instruction_set() + '"';
  REQUIRE(contains(other.about, {isa}));
  other.about.replace(other.about.find(isa), isa.size(), "\"instruction_set\":\"none\"");
  put(one / "runs/nobn-relu-1.run", record_bytes(other));
  CHECK(contains(message_of([&] { carry(one, 1, lr); }), {"is of another study (instruction_set \"none\", now \""}));
  other.about = std::regex_replace(other.about, std::regex(",\"(instruction_set|precision|compiler)\":\"[^\"]*\""), "");
  put(one / "runs/nobn-relu-1.run", record_bytes(other));  // of a version that did not say
  CHECK(carry(one, 1, lr)[0].hashes == records[0].hashes);
}

TEST_CASE("a net that has no integer form is named for each configuration, after training and in it") {
  Run run = small("main", "relu");
  run.grid = Grid::primary;
  Model model = make_model(digits(), run);
  ParamSet& p = model.params();
  for (std::size_t i = 0; i < p.params().size(); ++i)
    std::fill_n(p.value(int(i)), p.params()[i].shape.size(), real(0));  // every layer is dead
  const Verdicts exact = evaluate_float(model, digits().data.test);
  Table rows(kQuant), omitted(kOmitted);
  Predictions predictions;
  const Quantised to{rows, omitted, predictions};
  quantised_grid(digits(), run, model, exact, to);
  CHECK(rows.size() == 0);
  REQUIRE(omitted.size() == 6);
  CHECK(omitted.text(0, "config") == "ptq/W8A8/channel/minmax/observed");
  CHECK(contains(omitted.text(0, "reason"), {"layers."}));
  quantised_training(digits(), run, model, digits().data.train, schooling_of(digits(), run, 1e-9), to);
  CHECK(omitted.size() == 8);
  CHECK(rows.size() == 1);  // the float net
}

TEST_CASE("the C of a ReLU and of a ReLU6 differs in constants alone") {
  const auto emitted = [](const char* arm, double clip) {
    const Model model = with_clips(digits(), small("main", arm), make_model(digits(), small("main", arm)), {clip});
    const Graph graph = graph_of(model);
    std::string c = write_c(quantize(graph, calibrate(graph, digits().data.train.bytes(0, 50), {}, 1)), {.name = "net"}).source;
    return std::pair(c, std::regex_replace(c, std::regex("[-+() \\n0-9]+"), ""));
  };
  const auto relu = emitted("relu", std::numeric_limits<double>::infinity()), relu6 = emitted("relu6", 6);
  CHECK(relu.first != relu6.first);
  CHECK(relu.second == relu6.second);
}

TEST_CASE("a damaged manifest or table is one line that names the file") {
  const TempFolder folder;
  const auto message = [&](const std::string& manifest) {
    put(folder / "manifest.json", manifest);
    return message_of([&] { verify_study(folder.path(), ""); });
  };
  const std::string format = "\"format\": \"sixgrad-study\"", design = format + ", \"design_sha256\": \"" + design_hash() + '"';
  for (const std::string& members :
       {std::string("\"format\": 3"), format, format + ", \"design_sha256\": []", design, design + ", \"dataset\": \"digits\"",
        design + ", \"dataset\": \"digits\", \"data_sha256\": {\"a\": 1}"}) {
    const std::string line = message('{' + members + '}');
    CHECK_MESSAGE(contains(line, {"manifest.json: "}), line);
  }
  std::string hashes;
  for (const std::string& h : digits().file_hashes) hashes += (hashes.empty() ? "\"" : ", \"") + h + '"';
  const std::string whole = '{' + design + ", \"dataset\": \"digits\", \"data_sha256\": [" + hashes + "]}";
  for (const char* row : {"nan,1,320,0.01", "1e300,1,320,0.01", "1,nan,320,0.01", "1,1e300,320,0.01", "1,1,1e300,0.01",
                          "1,1,-1,0.01", "1,1,320,nan", "1,1,320,inf", "1,1,320,x"}) {
    put(folder / "runs.csv", "run,arm,final_hash,seed,epochs,train_images,lr\nmain/relu/1,relu,00," + std::string(row) + '\n');
    const std::string line = message(whole);
    CHECK_MESSAGE(contains(line, {"runs.csv: line 2, column "}), line);
  }
}

TEST_CASE("a design that has changed is refused") {
  const std::string text = design_hash();
  CHECK(text.size() == 64);
  CHECK(
      contains(message_of([] { design_hash("# STUDY: another"); }), {"docs/STUDY_DESIGN.md: has changed since it was registered"}));
}

TEST_CASE("the primary rate is that with the best mean of both arms") {
  std::vector<Record> records;
  const auto add = [&](const char* arm, double factor, double accuracy) {
    Table t(kLr);
    t.add({"lr", arm, factor, 1, accuracy, 0.1, true});
    records.push_back({.run = "lr", .about = "", .tables = {{"lr", t.csv()}}});
  };
  CHECK(primary_factor(records) == 1);
  add("relu", 0.5, 0.9), add("relu6", 0.5, 0.8), add("relu", 2, 0.86), add("relu6", 2, 0.86), add("relu", 4, 0.86),
      add("relu6", 4, 0.86);
  CHECK(primary_factor(records) == 2);
}
