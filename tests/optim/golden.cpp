// Optimizers, clipping and schedules against the numbers of PyTorch.
#include <doctest/doctest.h>

#include "../../optim/clip_norm.h"
#include "../../optim/schedule.h"
#include "../golden_json.h"
#include "twins.h"

using namespace six;
using namespace six::test;
using nlohmann::json;

namespace {

std::unique_ptr<Optimizer> make(const std::string& name, const json& o, ParamSet& params) {
  const double lr = o.at("lr"), decay = o.value("weight_decay", 0.0), momentum = o.value("momentum", 0.0);
  if (name.starts_with("sgd"))
    return std::make_unique<SGD>(
        params, SGDOptions{.lr = lr, .momentum = momentum, .nesterov = o.value("nesterov", false), .weight_decay = decay});
  if (name == "rmsprop")
    return std::make_unique<RMSprop>(
        params, RMSpropOptions{.lr = lr, .alpha = o.value("alpha", 0.99), .momentum = momentum, .weight_decay = decay});
  const std::vector<double> betas = o.value("betas", std::vector<double>{0.9, 0.999});
  const double eps = o.value("eps", 1e-8);
  if (name == "adamw")
    return std::make_unique<AdamW>(
        params, AdamWOptions{.lr = lr, .beta1 = betas[0], .beta2 = betas[1], .eps = eps, .weight_decay = o.at("weight_decay")});
  REQUIRE(name.starts_with("adam"));
  return std::make_unique<Adam>(params,
                                AdamOptions{.lr = lr, .beta1 = betas[0], .beta2 = betas[1], .eps = eps, .weight_decay = decay});
}

void add(ParamSet& params, const json& tensors) {
  for (const json& t : tensors) {
    const std::vector<long> dims = shape(t);
    params.add(std::to_string(params.params().size()), dims.size() == 1 ? Shape{dims[0]} : Shape{dims[0], dims[1]}, true);
  }
}

void put(real* to, const json& tensors) {
  for (const json& t : tensors)
    for (double x : numbers(t)) *to++ = real(x);
}

// The largest difference of the slab from the tensors, which must fill it.
double difference(const real* slab, long size, const json& tensors) {
  double worst = 0;
  long i = 0;
  for (const json& t : tensors)
    for (double x : numbers(t)) worst = std::max(worst, std::abs(double(slab[i++]) - x));
  REQUIRE(i == size);
  return worst;
}

std::vector<double> rates(const Schedule& schedule, std::size_t count) {
  std::vector<double> list;
  for (std::size_t i = 0; i < count; ++i) list.push_back(schedule(long(i)));
  return list;
}

void check_rates(const json& expected, const Schedule& schedule) {
  const std::vector<double> want = numbers(expected.at("rates")), have = rates(schedule, want.size());
  REQUIRE(want.size() > 10);
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(have[i] - want[i]) <= 1e-12);
  }
}

}  // namespace

TEST_CASE("optimizers equal PyTorch's over two tensors and six steps") {
  const json file = golden("optimizers.json");
  REQUIRE(file.at("optimizers").size() == 7);
  for (const auto& item : file.at("optimizers").items()) {
    const std::string& name = item.key();
    const json& entry = item.value();
    CAPTURE(name);
    ParamSet params;
    add(params, entry.at("init"));
    REQUIRE(params.params().size() == 2);
    put(params.values(), entry.at("init"));
    const auto optimizer = make(name, entry.at("options"), params);
    REQUIRE(entry.at("steps").size() == 6);
    for (const json& step : entry.at("steps")) {
      params.begin_backward();
      put(params.grads(), step.at("grad"));
      optimizer->step();
      CHECK(difference(params.values(), params.size(), step.at("value")) <= (kDouble ? 1e-12 : 2e-6));
      CHECK(difference(params.grads(), params.size(), step.at("grad")) <= (kDouble ? 0 : 1e-6));
    }
  }
}

TEST_CASE("clipping equals PyTorch's, inside the step") {
  const json file = golden("clip_norm.json");
  ParamSet params;
  add(params, file.at("grad"));
  params.begin_backward();
  put(params.grads(), file.at("grad"));
  const double norm = file.at("norm"), max_norm = file.at("max_norm");
  CHECK(close(grad_norm(params), norm, 1e-6));
  // From zeros, a plain step of rate 1 leaves minus the clipped gradient.
  SGD sgd(params, {.lr = 1, .clip_norm = max_norm});
  sgd.step();
  for (long i = 0; i < params.size(); ++i) params.values()[i] = -params.values()[i];
  CHECK(difference(params.values(), params.size(), file.at("clipped")) <= (kDouble ? 1e-12 : 1e-6));
  CHECK(difference(params.grads(), params.size(), file.at("grad")) <= (kDouble ? 0 : 1e-6));
  CHECK(close(sgd.last_grad_norm(), norm, 1e-6));
}

TEST_CASE("schedules equal PyTorch's") {
  const json file = golden("schedules.json");
  const double lr = file.at("base_lr");
  const json &cycle = file.at("one_cycle"), &cosine = file.at("cosine"), &step = file.at("step"),
             &warm = file.at("linear_warmup_then_cosine");
  check_rates(cycle, Schedule(cycle.at("max_lr"), OneCycleLR{.total_steps = cycle.at("total_steps"),
                                                             .pct_start = cycle.at("pct_start"),
                                                             .div_factor = cycle.at("div_factor"),
                                                             .final_div_factor = cycle.at("final_div_factor")}));
  check_rates(cosine, Schedule(lr, CosineAnnealingLR{.t_max = cosine.at("t_max"), .eta_min = cosine.at("eta_min")}));
  check_rates(step, Schedule(lr, StepLR{.step_size = step.at("step_size"), .gamma = step.at("gamma")}));
  check_rates(file.at("exponential"), Schedule(lr, ExponentialLR{.gamma = file.at("exponential").at("gamma")}));
  const LinearLR warmup{.total_iters = warm.at("warmup"), .start_factor = warm.at("start_factor")};
  check_rates(warm, Schedule(lr, warmup_then(warmup, CosineAnnealingLR{.t_max = warm.at("t_max")})));
}
