#include <chrono>
#include <cmath>

#include "columns.h"
#include "diagnose.h"
#include "record.h"

namespace six::study {
namespace {

constexpr double kScales[] = {0.25, 1, 4, 16};
// Costs in images trained on, measured: testing, a part of the grid or all of it, one diagnosis; trainings as integers, per image.
constexpr double kTestCost = 6000, kPrimaryCost = 22000, kGridCost = 150000, kDiagnoseCost = 10000, kTuningCost = 3.5;

// The tables of one run, by name.
class Tables {
 public:
  Table& operator[](const std::string& name) { return all_.at(name); }
  std::map<std::string, std::string> texts() const {
    std::map<std::string, std::string> texts;
    for (const auto& [name, table] : all_)
      if (!table.empty()) texts[name] = table.csv();
    return texts;
  }

 private:
  std::map<std::string, Table> all_ = {{"runs", Table(kRuns)},   {"quant", Table(kQuant)},           {"layers", Table(kLayers)},
                                       {"trace", Table(kTrace)}, {"scale", Table(kScale)},           {"lr", Table(kLr)},
                                       {"ties", Table(kTies)},   {"histograms", Table(kHistograms)}, {"omitted", Table(kOmitted)}};
};

bool diagnosed(const Run& run) { return run.part == "main" || run.part == "nobn" || run.part == "clip" || run.part == "pact"; }

void add_course(Tables& t, const Run& run, const Course& course) {
  for (const Observation& o : course.observed) {
    t["trace"].add({run.name(), o.step, hex(course.hashes[std::size_t(o.step)]), course.losses[std::size_t(o.step) - 1],
                    o.all.largest, o.all.at_0, o.all.at_touch});
    for (const Inputs& i : o.layers) {
      t["ties"].add({run.name(), o.step, i.layer, "fp32", i.at_0, i.at_touch, i.elements});
      t["ties"].add({run.name(), o.step, i.layer, "bf16", i.bf16_at_0, i.bf16_at_touch, i.elements});
    }
  }
}

// Evaluation at other scales of the input than that of the training, for the pair; for nets trained at k, at theirs.
void add_scales(Tables& t, const Setting& s, const Run& run, const Model& trained) {
  const bool retrained = run.part == "scale";
  if (!retrained && run.part != "main" && run.part != "nobn") return;
  for (double k : kScales) {
    if (retrained && k != run.input_scale) continue;
    Model model = with_clips(s, run, trained, clips_of(run, trained));
    scale_input(model, k);
    const double accuracy = evaluate_float(model, s.data.test).accuracy;
    t["scale"].add({run.name(), retrained ? "retrain" : "shift", k, accuracy, share_touching(model, s.data.train)});
  }
}

void add_run(Tables& t, const Setting& s, const Run& run, const Model& model, const Schooling& how, const Course& course,
             const Verdicts& test) {
  t["runs"].add({run.name(),
                 s.dataset,
                 s.net,
                 run.arm,
                 run.bn,
                 run.at_kink,
                 run.input_scale,
                 run.seed,
                 how.lr,
                 run.epochs,
                 run.images,
                 course.steps(),
                 hex(course.hashes.front()),
                 hex(course.order_hash),
                 hex(course.hashes.back()),
                 course.first_touch,
                 -1,
                 course.last_epoch_loss,
                 test.loss,
                 test.accuracy,
                 test.margin,
                 model.parameter_count()});
}

}  // namespace

double cost_of(const Setting& s, const Run& run) {
  const double images = double(run.images), test = double(s.data.test.size()) / 10000;
  double cost = images * run.epochs + test * kTestCost;
  if (run.grid != Grid::none) cost += test * (run.grid == Grid::all ? kGridCost : kPrimaryCost);
  if (diagnosed(run)) cost += 3 * kDiagnoseCost;
  return cost + (run.tunes ? kTuningCost * images : 0);
}

Schooling schooling_of(const Setting& s, const Run& run, double lr) {
  return {.seed = std::uint64_t(run.seed),
          .batch = s.batch,
          .epochs = run.epochs,
          .lr = lr * run.lr_factor,
          .input_scale = run.part == "scale" ? run.input_scale : 1,
          .touch = arm_of(run.arm).touch(),
          .ties = run.part == "kink" || run.part == "main" || run.part == "nobn",
          .fused = run.part != "kink"};
}

Record perform(const Setting& s, const Run& run, double lr, const Split& split, const std::function<void(double)>& progress) {
  const auto begin = std::chrono::steady_clock::now();
  const double trains = double(run.images) * run.epochs / cost_of(s, run);
  Record record{.run = run.name(), .about = about(s, run, lr)};
  Tables t;
  Model model = make_model(s, run);
  const Schooling how = schooling_of(s, run, lr);
  const Course course = train(model, split, how, [&](long step, long steps) {
    progress(trains * double(step) / double(steps));
    if (diagnosed(run) && (step == 0 || step == steps / 2)) diagnose(s, run, model, step ? "mid" : "start", t["layers"]);
  });
  if (run.part == "lr") {
    const Verdicts v = evaluate_float(with_clips(s, run, model, clips_of(run, model)), s.data.validation);
    t["lr"].add({run.name(), run.arm, run.lr_factor, run.seed, v.accuracy, v.loss, course.finite && std::isfinite(v.loss)});
  } else {
    add_course(t, run, course);
    add_scales(t, s, run, model);
    Model tested = with_clips(s, run, model, clips_of(run, model));
    if (how.input_scale != 1) scale_input(tested, how.input_scale);
    const Verdicts test = evaluate_float(tested, s.data.test);
    add_run(t, s, run, model, how, course, test);
    record.predictions["fp32"] = test.classes;
    if (course.finite) {
      const bool histograms = run.seed == 1 && (run.part == "main" || run.part == "nobn");
      if (diagnosed(run)) diagnose(s, run, model, "end", t["layers"], histograms ? &t["histograms"] : nullptr);
      const Quantised to{t["quant"], t["omitted"], record.predictions};
      quantised_grid(s, run, model, test, to);
      if (run.tunes) quantised_training(s, run, model, split, how, to);
    }
  }
  record.tables = t.texts(), record.hashes = course.hashes, record.weights = model.state();
  record.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return record;
}

}  // namespace six::study
