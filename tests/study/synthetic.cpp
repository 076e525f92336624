#include "synthetic.h"

#include <algorithm>
#include <cmath>

#include "../../core/rng.h"
#include "../../data/file.h"

namespace six::study {
namespace {

constexpr int kImages = 1000;
const std::string kLayers4[] = {"layers.2", "layers.5", "layers.8", "layers.11"};

class Maker {
 public:
  explicit Maker(const Planted& planted) : p_(planted) {}

  StudyData made() {
    for (int i = 0; i < kImages; ++i) d_.classes.push_back(std::uint8_t(i % 10));
    d_.preds.add({"labels", "-", 0, kImages});
    for (int seed = 1; seed <= p_.seeds; ++seed) {
      const double base = 99.3 + noise();
      pair(seed, base);
      if (p_.sub_studies) others(seed, base);
    }
    for (const std::string name : {"forward fused", "backward fused", "forward", "backward"})
      d_.timing.add({"cost", name, "relu", 0.25, "ns"}), d_.timing.add({"cost", name, "relu6", 0.25 * p_.cost, "ns"});
    d_.manifest = "{\"version\": \"0.1.0\", \"mode\": \"synthetic\", \"seeds\": [1, 2, 3], \"host\": {\"compiler\": \"none\"}}\n";
    return std::move(d_);
  }

 private:
  double noise() { return p_.noise * rng_.normal(drawn_++); }
  double share(double about) { return std::clamp(about * (1 + 0.1 * rng_.uniform(drawn_++)), 0.0, 1.0); }

  void run(const std::string& name, const std::string& arm, bool bn, const std::string& kink, double k, int seed, double acc,
           int touch, int diverged) {
    d_.runs.add({name,  "mnist", "mbn-s", arm,  bn,   kink,  k,        seed, 0.01, 3,
                 55000, 1287,    "1a",    "2b", "3c", touch, diverged, 0.01, 0.02, std::round(acc * 100) / 10000,
                 7.5,   7290});
  }
  void quant(const std::string& run, const std::string& method, int w, const std::string& per, int a, const std::string& observer,
             const std::string& policy, double acc, double loss) {
    const std::string config =
        method + "/W" + std::to_string(w) + 'A' + std::to_string(a) + '/' + per + '/' + observer + '/' + policy;
    d_.quant.add({run, config, method, w, per, a, observer, policy, "single", (acc - loss) / 100, loss,
                  long(30 + 100 * std::fabs(loss)), 0});
  }
  void layers(const std::string& run, bool clipped, double cut) {
    for (const std::string mark : {"start", "mid", "end"})
      for (int l = 0; l < 4; ++l) {
        const double max = clipped ? 6 : 7 + 3 * l + noise(), ge6 = share(l == 3 ? std::max(cut, 0.001) : 0.001);
        const double sqnr = clipped ? 38 : 38 - 6.02 * std::log2(max / 6) + 5 * noise();
        d_.layers.add({run,
                       mark,
                       kLayers4[l],
                       max,
                       0.7 * max,
                       0.9 * max,
                       max / 6,
                       ge6,
                       clipped && l == 3 ? cut : 0,
                       0.4 + 0.05 * l + (clipped ? p_.zeros : 0),
                       0.01,
                       0,
                       0.1,
                       1.5,
                       1.1,
                       4.0,
                       sqnr,
                       sqnr - 12,
                       sqnr - 18,
                       sqnr - 24});
      }
  }
  void predictions(const std::string& run, double acc) {
    const std::size_t offset = d_.classes.size();
    for (int i = 0; i < kImages; ++i) d_.classes.push_back(std::uint8_t(i % 10));
    const int wrong = int(std::round((100 - acc) * kImages / 100));
    for (int i = 0; i < wrong; ++i) {
      std::uint8_t& c = d_.classes[offset + rng_.below(drawn_++, kImages)];
      c = std::uint8_t((c + 1) % 10);
    }
    d_.preds.add({run, "fp32", offset, kImages});
  }

  void pair(int seed, double base) {
    for (const std::string arm : {"relu", "relu6"}) {
      const bool six = arm == "relu6";
      const std::string name = "main/" + arm + '/' + std::to_string(seed), policy = six ? "fixed6" : "observed";
      const double acc = std::round((base + (six ? p_.delta + noise() : 0)) * 100) / 100;
      run(name, arm, true, "0", 1, seed, acc, 400 + 20 * seed, six ? 402 + 20 * seed : -1);
      const auto loss = [&](double relu, double d) { return relu - (six ? d : 0) + noise() / 2; };
      for (const auto& [bits, less] : {std::pair(8, p_.d8_channel), {6, p_.d8_channel}, {5, p_.d4 / 2}, {4, p_.d4}}) {
        const double worst = 0.02 + 6.0 / (1 << bits);
        quant(name, "ptq", 8, "channel", bits, "minmax", policy, acc, loss(worst, less));
        if (six) quant(name, "ptq", 8, "channel", bits, "minmax", "observed", acc, loss(worst, less));
        for (const char* observer : {"p99.9", "p99.99", "mse"})
          quant(name, "ptq", 8, "channel", bits, observer, "observed", acc,
                loss(worst - (bits == 4 ? p_.d4 - p_.d4_calibrated : 0), bits == 4 ? p_.d4 : 0));
      }
      quant(name, "ptq", 8, "tensor", 8, "minmax", policy, acc, loss(0.3, p_.d8_tensor));
      quant(name, "ptq", 4, "channel", 4, "minmax", policy, acc, loss(2, p_.d4));
      quant(name, "qat", 4, "channel", 4, "minmax", policy, acc, loss(0.2, p_.qat));
      quant(name, "qat", 8, "channel", 8, "minmax", policy, acc, loss(0.01, 0));
      quant(name, "swap", 32, "-", 32, "-", "-", acc, loss(0.05, 0));
      quant(name, "bf16", 16, "-", 16, "-", "-", acc, loss(0.01, 0));
      layers(name, six, six ? p_.cut : 0);
      predictions(name, acc);
      for (int step : {1, 2, 5, 50, 100, 200, 300, 400, 500, 800, 1287})
        d_.trace.add(
            {name, step, "ff", 2.3 / (1 + 0.02 * step) * (six && step > 402 ? 1.01 : 1), 3 + 0.01 * step, p_.ties ? 10 : 0, 0});
      for (double k : {0.25, 1., 4., 16.})
        d_.scale.add(
            {name, "shift", k, (acc - (k == 1 ? 0 : 0.5 * k) - (six && k == 16 ? p_.scale_bn : 0)) / 100, k > 1 ? 0.1 : 0.001});
    }
  }

  void others(int seed, double base) {
    for (const std::string arm : {"relu", "relu6"}) {
      const bool six = arm == "relu6";
      const std::string tail = '/' + std::to_string(seed);
      if (seed <= 6) {
        const std::string name = "nobn/" + arm + tail;
        const double acc = base - 0.6 + (six ? p_.delta_no_bn + noise() : 0);
        run(name, arm, false, "0", 1, seed, acc, 100, six ? 101 : -1);
        layers(name, six, six ? p_.cut_no_bn : 0);
        for (double k : {0.25, 1., 4., 16.})
          d_.scale.add({name, "shift", k, (acc - (k == 1 ? 0 : 0.2 * k) - (six && k == 16 ? p_.scale_no_bn + noise() : 0)) / 100,
                        k > 1 ? 0.2 : 0.01});
        if (seed == 1) histogram(name, six), histogram("main/" + arm + "/1", six);
        for (const std::string bn : {"bn", "nobn"})
          for (const std::string k : {"0", "0.5", "1"}) {
            const std::string kink = "kink/" + arm + '/' + bn + "/k" + k + tail;
            run(kink, arm, bn == "bn", k, 1, seed, base - 1, 100, p_.kinks_matter && bn == "nobn" && k != "0" ? 1 : -1);
            for (int step : {1, 10, 100, 157})
              for (const char* precision : {"fp32", "bf16"})
                d_.ties.add({kink, step, kLayers4[0], precision, p_.ties ? (bn == "bn" ? 3 : 50000) : 0,
                             *precision == 'b' && p_.ties ? 2 : 0, 100352});
          }
      }
      if (seed <= 3)
        for (double f : {0.25, 0.5, 1., 2., 4.})
          d_.lr.add({"lr/" + arm + "/f" + Cell(f).text() + tail, arm, f, seed, 0.97 - 0.01 * std::fabs(std::log2(f)), 0.1, 1});
    }
    for (const std::string arm : {"relu1", "relu2", "relu4", "pact"})
      run((arm == "pact" ? "pact/" : "clip/") + arm + '/' + std::to_string(seed), arm, true, "0", 1, seed, base + noise(), 20, 21);
  }

  void histogram(const std::string& name, bool six) {
    for (int l = 0; l < 4; ++l) {
      const double max = six ? 6 : 7 + 3 * l;
      for (int b = 0; b < 40; ++b)
        d_.histograms.add(
            {name, kLayers4[l], max * b / 40, max * (b + 1) / 40, long(1e6 * std::exp(-0.3 * b)) + (six && b == 39 ? 500 : 0)});
    }
  }

  Planted p_;
  StudyData d_;
  Rng rng_{11, Purpose::user, 7};
  std::uint64_t drawn_ = 0;
};

}  // namespace

StudyData synthetic(const Planted& planted) { return Maker(planted).made(); }

void write(const StudyData& d, const std::string& directory) {
  for (const Table* t : {&d.runs, &d.quant, &d.layers, &d.trace, &d.scale, &d.lr, &d.histograms, &d.ties, &d.timing, &d.preds})
    if (t == &d.runs || !t->empty()) t->write(directory + '/' + t->name());
  write_file_atomic(directory + "/preds.bin", as_text(d.classes));
  write_file_atomic(directory + "/manifest.json", d.manifest);
}

}  // namespace six::study
