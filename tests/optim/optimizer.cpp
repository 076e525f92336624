// What all optimizers have in common: whole steps over the slabs, gradients that are only read, masks, freezing, state.
#include "../../optim/optimizer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "../../optim/clip_norm.h"
#include "twins.h"

using namespace six;
using namespace six::test;

namespace {

std::vector<real> copy(const real* x, long n) { return {x, x + n}; }
std::vector<real> grads(const ParamSet& p) { return copy(p.grads(), p.size()); }

std::string message(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

double naive_norm(const ParamSet& params) {
  double sum = 0;
  for (const Param& p : params.params())
    for (long i = p.offset; p.trainable && i < p.offset + p.shape.size(); ++i) sum += std::pow(double(params.grads()[i]), 2);
  return std::sqrt(sum);
}

// Remembers the ranges it is given: the smallest optimizer of one's own.
class Recorder : public Optimizer {
 public:
  Recorder(ParamSet& params, Decay decay) : Optimizer("recorder", params, {1, 0.5, decay, 0}) {}
  std::vector<std::array<double, 3>> seen;

 private:
  void update(std::span<const Range> ranges, real) override {
    seen.clear();
    for (const Range& r : ranges) seen.push_back({double(r.begin), double(r.end), double(r.weight_decay)});
  }
};

}  // namespace

TEST_CASE("every optimizer follows its naive twin, with masks, clipping, a moving rate and a parameter frozen on the way") {
  for (const Pair& pair : all_pairs()) {
    CAPTURE(pair.name);
    ParamSet params = small_model();
    std::vector<Cell> twin(std::size_t(params.size()));
    for (std::size_t i = 0; i < twin.size(); ++i) twin[i].x = params.values()[i];
    const auto optimizer = pair.make(params);
    params.params()[1].trainable = false;
    for (unsigned step = 0; step < 9; ++step) {
      if (step == 4) params.params()[3].trainable = false;
      const double lr = pair.lr / (1 + 0.1 * step);
      optimizer->set_lr(lr);
      fake_backward(params, step);
      const double norm = naive_norm(params), factor = pair.clip_norm > 0 ? std::min(1.0, pair.clip_norm / (norm + 1e-6)) : 1;
      optimizer->step();
      CHECK(close(optimizer->last_grad_norm(), pair.clip_norm > 0 ? norm : 0, 1e-6));
      for (const Param& p : params.params()) {
        CAPTURE(p.name);
        bool same = true;
        for (long i = p.offset; i < p.offset + p.shape.size(); ++i) {
          const double decay = p.decays || pair.decay == Decay::all ? pair.weight_decay : 0;
          if (p.trainable) pair.rule(twin[std::size_t(i)], factor * double(params.grads()[i]), lr, decay);
          same = same && close(params.values()[i], twin[std::size_t(i)].x);
        }
        CHECK(same);
      }
    }
    CHECK(optimizer->steps() == 9);
  }
}

TEST_CASE("frozen parameters and their moments keep their bits, whatever their gradients") {
  for (const Pair& pair : all_pairs()) {
    CAPTURE(pair.name);
    ParamSet params = small_model();
    const auto optimizer = pair.make(params);
    for (int i : {0, 3, 4}) params.params()[i].trainable = false;
    const std::vector<real> before = values(params);
    for (unsigned step = 0; step < 3; ++step) {
      fake_backward(params, step);
      params.grad(3)[5] = std::numeric_limits<real>::quiet_NaN();
      optimizer->step();
    }
    for (const Param& p : params.params()) {
      CAPTURE(p.name);
      const auto begin = before.begin() + p.offset;
      CHECK(std::equal(begin, begin + p.shape.size(), params.values() + p.offset) == !p.trainable);
      for (const Optimizer::Slot& slot : optimizer->state()) {
        const bool zero = std::count(slot.values + p.offset, slot.values + p.offset + p.shape.size(), real(0)) == p.shape.size();
        CHECK(zero == !p.trainable);
      }
    }
  }
}

TEST_CASE("gradients are only read, stay readable, and the backward after a step starts from zero") {
  for (const Pair& pair : all_pairs()) {
    CAPTURE(pair.name);
    ParamSet params = small_model();
    const auto optimizer = pair.make(params);
    fake_backward(params, 1);
    const std::vector<real> once = grads(params);
    fake_backward(params, 1);
    const std::vector<real> twice = grads(params);
    CHECK(twice[0] == 2 * once[0]);
    optimizer->step();
    CHECK(grads(params) == twice);
    fake_backward(params, 1);
    CHECK(grads(params) == once);
  }
}

TEST_CASE("neighbours of equal treatment are one range, and freezing and thawing are looked up at every step") {
  ParamSet params = small_model();  // offsets 0, 18, 20, 21, 89, 122, end 129; decays: yes no no yes no yes
  using Ranges = std::vector<std::array<double, 3>>;
  Recorder all(params, Decay::all), weights(params, Decay::weights);
  const auto step = [&](Recorder& r) { return params.begin_backward(), r.step(), r.seen; };
  CHECK(step(all) == Ranges{{0, 129, 0.5}});
  CHECK(step(weights) == Ranges{{0, 18, 0.5}, {18, 21, 0}, {21, 89, 0.5}, {89, 122, 0}, {122, 129, 0.5}});
  params.params()[2].trainable = params.params()[4].trainable = false;
  CHECK(step(all) == Ranges{{0, 20, 0.5}, {21, 89, 0.5}, {122, 129, 0.5}});
  CHECK(step(weights) == Ranges{{0, 18, 0.5}, {18, 20, 0}, {21, 89, 0.5}, {122, 129, 0.5}});
  params.params()[2].trainable = true;
  CHECK(step(all) == Ranges{{0, 89, 0.5}, {122, 129, 0.5}});
  for (Param& p : params.params()) p.trainable = false;
  CHECK(step(all).empty());
  all.step();  // no backward reaches what is frozen as a whole
  CHECK(all.seen.empty());
}

TEST_CASE("slots and the count of steps are the whole state: restored, training goes on with the same bits") {
  for (const Pair& pair : all_pairs()) {
    CAPTURE(pair.name);
    ParamSet params = small_model();
    const auto first = pair.make(params);
    for (unsigned step = 0; step < 3; ++step) fake_backward(params, step), first->step();
    ParamSet again = params;
    const auto second = pair.make(again);
    second->set_steps(first->steps());
    const auto from = first->state(), to = second->state();
    REQUIRE(from.size() == to.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      CHECK(from[i].name == to[i].name);
      std::copy_n(from[i].values, params.size(), to[i].values);
    }
    for (unsigned step = 3; step < 6; ++step) {
      fake_backward(params, step), first->step();
      fake_backward(again, step), second->step();
    }
    CHECK(values(params) == values(again));
    CHECK(second->steps() == 6);
  }
}

TEST_CASE("slots have the names of checkpoints") {
  ParamSet params = small_model();
  const auto names = [](Optimizer&& o) {
    std::string list;
    for (const Optimizer::Slot& slot : o.state()) list += slot.name + " ";
    return list;
  };
  CHECK(names(SGD(params)) == "");
  CHECK(names(SGD(params, {.momentum = 0.9})) == "momentum ");
  CHECK(names(Adam(params)) == "m v ");
  CHECK(names(AdamW(params)) == "m v ");
  CHECK(names(RMSprop(params)) == "v ");
  CHECK(names(RMSprop(params, {.momentum = 0.9, .centered = true})) == "v momentum m ");
}

TEST_CASE("the norm counts trainable parameters and clipping never enlarges") {
  ParamSet params = small_model();
  fake_backward(params, 7);
  CHECK(close(grad_norm(params), naive_norm(params), 1e-6));
  params.params()[3].trainable = false;
  params.grad(3)[0] = std::numeric_limits<real>::infinity();
  CHECK(std::isfinite(grad_norm(params)));
  CHECK(close(grad_norm(params), naive_norm(params), 1e-6));
  CHECK(clip_factor(0.5, 1) == 1);
  CHECK(clip_factor(0, 1) == 1);
  CHECK(clip_factor(4, 1) == 1 / (4 + 1e-6));
  CHECK(std::isnan(clip_factor(std::nan(""), 1)));
}

TEST_CASE("centered RMSprop: a constant gradient has no variance, and rounding below zero makes no NaN") {
  ParamSet params;
  params.add("w", {100}, true);
  RMSprop rmsprop(params, {.lr = 1e-6, .alpha = 0.5, .eps = 1e-2, .centered = true});
  for (int step = 0; step < 200; ++step) {
    params.begin_backward();
    for (long i = 0; i < 100; ++i) params.grads()[i] = real(0.1 * double(i + 1) / 3);
    rmsprop.step();
  }
  for (long i = 0; i < 100; ++i) CHECK(std::isfinite(params.values()[i]));
}

TEST_CASE("a step over parameters that grew, or are gone, is an error and changes nothing") {
  ParamSet params = small_model();
  AdamW adamw(params);
  fake_backward(params, 1);
  params.add("late.weight", {4}, true);
  const std::vector<real> before = values(params);
  CHECK(message([&] { adamw.step(); }) ==
        "adamw: the model has 7 parameters, but had 6 when this was built; build it after the last layer");
  CHECK(values(params) == before);
  CHECK(adamw.steps() == 0);

  std::optional<ParamSet> other(small_model());
  SGD sgd(*other);
  other.emplace(small_model());
  CHECK(message([&] { sgd.step(); }) ==
        "sgd: the model this was built over is gone, destroyed or replaced by an assignment; build it over the new model");
}

TEST_CASE("a step without new gradients, as over another model of the same shape, is an error and changes nothing") {
  for (const Pair& pair : all_pairs()) {
    CAPTURE(pair.name);
    ParamSet params = small_model(), trained = small_model();
    const auto optimizer = pair.make(params);
    const auto refused = [&] {
      const std::vector<real> before = values(params);
      const long steps = optimizer->steps();
      const std::string text = message([&] { optimizer->step(); });
      CHECK(values(params) == before);
      CHECK(optimizer->steps() == steps);
      return text.substr(text.find(':'));
    };
    const std::string expected =
        ": no gradients in its parameters since the last step; call backward before, and build it over the model that is trained";
    fake_backward(trained, 1);
    CHECK(refused() == expected);
    fake_backward(params, 1);
    optimizer->step();
    CHECK(refused() == expected);
    fake_backward(params, 2);
    fake_backward(params, 3);
    optimizer->step();
    CHECK(optimizer->steps() == 2);
  }
}

TEST_CASE("options out of range are errors of one line with option and value") {
  ParamSet p = small_model();
  const double nan = std::nan("");
  CHECK(message([&] { SGD o(p, {.lr = -0.1}); }) == "sgd: lr is -0.1, must be a finite number, at least 0");
  CHECK(message([&] { AdamW o(p, {.lr = nan}); }) == "adamw: lr is nan, must be a finite number, at least 0");
  CHECK(message([&] { AdamW o(p, {.lr = INFINITY}); }) == "adamw: lr is inf, must be a finite number, at least 0");
  CHECK(message([&] { Adam o(p, {.weight_decay = -1}); }) == "adam: weight_decay is -1, must be a finite number, at least 0");
  CHECK(message([&] { Adam o(p, {.clip_norm = nan}); }) == "adam: clip_norm is nan, must be a finite number, at least 0");
  CHECK(message([&] { Adam o(p, {.beta1 = 1}); }) == "adam: beta1 is 1, must be in [0, 1)");
  CHECK(message([&] { AdamW o(p, {.beta2 = 1.5}); }) == "adamw: beta2 is 1.5, must be in [0, 1)");
  CHECK(message([&] { Adam o(p, {.beta2 = nan}); }) == "adam: beta2 is nan, must be in [0, 1)");
  CHECK(message([&] { AdamW o(p, {.beta1 = -0.1}); }) == "adamw: beta1 is -0.1, must be in [0, 1)");
  CHECK(message([&] { Adam o(p, {.eps = 0}); }) == "adam: eps is 0, must be a finite number above 0");
  CHECK(message([&] { RMSprop o(p, {.eps = nan}); }) == "rmsprop: eps is nan, must be a finite number above 0");
  if (kFloat) {
    const std::string range = " (in single precision from 1.4013e-45 to 3.40282e+38)";
    CHECK(message([&] { SGD o(p, {.lr = 1e300}); }) == "sgd: lr is 1e+300, must be a finite number, at least 0" + range);
    CHECK(message([&] { Adam o(p, {.eps = 1e-300}); }) == "adam: eps is 1e-300, must be a finite number above 0" + range);
  }
  CHECK(message([&] { RMSprop o(p, {.alpha = 1}); }) == "rmsprop: alpha is 1, must be in [0, 1)");
  CHECK(message([&] { RMSprop o(p, {.momentum = -0.5}); }) == "rmsprop: momentum is -0.5, must be in [0, 1)");
  CHECK(message([&] { SGD o(p, {.momentum = nan}); }) == "sgd: momentum is nan, must be in [0, 1)");
  CHECK(message([&] { SGD o(p, {.nesterov = true}); }) == "sgd: momentum is 0, nesterov needs it above 0");
  SGD sgd(p, {.lr = 0.5});
  CHECK(message([&] { sgd.set_lr(-2); }) == "sgd: lr is -2, must be a finite number, at least 0");
  CHECK(sgd.lr() == 0.5);
  CHECK(message([&] { sgd.set_steps(-1); }) == "sgd: the count of steps is -1, must not be negative");
}
