#pragma once
// The files of one study folder: their columns, and the words that stand in them. Accuracies and shares are fractions of 1, `_pp`
// is percentage points, bools are 0 or 1. The running side writes these files, the report reads them.
#include <string>
#include <string_view>
#include <vector>

namespace six::study {

using Columns = std::vector<std::string>;

// run: "<part>/<arm>/<further words>/<seed>", where <part> is what the run belongs to: main (the pair, BN, base rate), control,
// pact, clip (relu1, relu2, relu4), nobn, scale (retrained at k), kink, lr. Runs of a pair differ in nothing but arm (in part kink:
// but at_kink). arm: relu, relu6, pact, relu1, relu2, relu4, relu_n1e9. at_kink: 0, 0.5, 1. init_hash, order_hash, final_hash:
// hexadecimal. first_touch_step, first_divergence_step: from 1, -1 never; divergence is from the arm relu of the same seed, in part
// kink from at_kink 0 of the same arm and seed, in part control from main/relu.
inline const Columns kRuns{"run",
                           "dataset",
                           "net",
                           "arm",
                           "bn",
                           "at_kink",
                           "input_scale",
                           "seed",
                           "lr",
                           "epochs",
                           "train_images",
                           "steps",
                           "init_hash",
                           "order_hash",
                           "final_hash",
                           "first_touch_step",
                           "first_divergence_step",
                           "train_loss",
                           "test_loss",
                           "test_acc",
                           "margin",
                           "params"};
// method: ptq, qat, swap (run's weights with the other activation), bf16. w_per: tensor, channel. observer: minmax, p99.9, p99.99,
// mse; "-" where there is none. range_policy: observed, fixed6 (relu6), clip (pact, relu1..4). rounding: single, double. bits: 32 =
// float. config is unique per run; it holds the word "edges8" where the first and the last layer are left at 8 bits.
// loss_pp = float accuracy - acc; for qat the float net with the same extra steps. flips: of all test images, against that float
// net.
inline const Columns kQuant{"run",          "config",   "method", "w_bits",  "w_per", "a_bits", "observer",
                            "range_policy", "rounding", "acc",    "loss_pp", "flips", "ties"};
// Configurations of quant.csv that a run has no row for: its net could not be made integers, and why not.
inline const Columns kOmitted{"run", "config", "reason"};
inline const Columns kLayers{"run",        "mark",          "layer",     "max",       "p99_9",           "p99_99",    "r_over_6",
                             "frac_ge6",   "frac_grad_cut", "frac_zero", "frac_dead", "frac_always_sat", "grad_norm", "gamma_max",
                             "gamma_mean", "w_range_ratio", "sqnr8",     "sqnr6",     "sqnr5",           "sqnr4"};
inline const Columns kTrace{"run", "step", "param_hash", "loss", "max_preact", "ties_at_0", "ties_at_6"};
inline const Columns kScale{"run", "mode", "k", "acc", "frac_ge6"};  // mode: shift, retrain
inline const Columns kLr{"run", "arm", "factor", "seed", "val_acc", "val_loss", "finite"};
// Activations of a layer at the end of a run, on the calibration images; bins of equal width in [0, max]. Seed 1 of main and nobn.
inline const Columns kHistograms{"run", "layer", "lo", "hi", "count"};
// Exact ties per layer at some steps; precision: fp32, bf16 (the same values rounded).
inline const Columns kTies{"run", "step", "layer", "precision", "ties_at_0", "ties_at_6", "elements"};
// kind run: name is a run, value in s. kind cost: name is "forward fused", "backward fused", "forward", "backward", value in
// ns per element.
inline const Columns kTiming{"kind", "name", "arm", "value", "unit"};
// preds.bin: one byte per test image, the predicted class; offset and images in bytes. The true classes stand as run "labels",
// config "-"; the float net as config "fp32".
inline const Columns kPreds{"run", "config", "offset", "images"};
inline const Columns kStats{"test",   "dataset", "n",       "mean",    "sd",     "t_lo", "t_hi", "bca_lo", "bca_hi",
                            "p_flip", "p_holm",  "tost_lo", "tost_hi", "margin", "wins", "ties", "losses", "verdict"};

// Files: runs.csv, quant.csv, omitted.csv, layers.csv, trace.csv, scale.csv, lr.csv, histograms.csv, ties.csv, timing.csv,
// preds.csv, preds.bin, manifest.json; stats.csv and report.html are made of them. All but runs.csv may be missing.

// "main" of "main/relu/1".
inline std::string part_of(std::string_view run) { return std::string(run.substr(0, run.find('/'))); }

}  // namespace six::study
