#include "config.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "../data/json.h"

namespace six {
namespace {

constexpr const char* kSources[] = {"mnist", "digits"};
constexpr const char* kDecays[] = {"all", "weights"};

// Options of other rooms as JSON: what they are called and their listing.
template <class O>
struct Listed;

template <class O>
struct Plain : O {
  void set(const O& o) { static_cast<O&>(*this) = o; }
  const O& options() const { return *this; }
};

constexpr Limits factor() { return {.min = 0, .max = 1, .above = true}; }  // (0, 1]
void rate_field(auto& visit, auto& c) { visit("lr", c.lr, "learning rate, the schedule's base", at_least(0)); }
void decay_fields(auto& visit, auto& c) {
  visit("weight_decay", c.weight_decay, "pulls parameters to 0", at_least(0));
  visit("decay", c.decay, "which parameters: all, or only weights (no biases, no batch norm)");
}

template <>
struct Listed<SGDOptions> : Plain<SGDOptions> {
  static constexpr const char* kType = "sgd";
  static void fields(auto& visit, auto& c) {
    rate_field(visit, c);
    visit("momentum", c.momentum, "of the running sum of gradients", fraction());
    visit("nesterov", c.nesterov, "look ahead; needs momentum");
    decay_fields(visit, c);
  }
};

// Adam's two betas are one key, as in PyTorch.
template <class O>
struct ListedAdam {
  O adam = {};
  std::vector<double> betas{adam.beta1, adam.beta2};
  void set(const O& o) { adam = o, betas = {o.beta1, o.beta2}; }
  O options() const {
    require(betas.size() == 2, "betas: ", betas.size(), " numbers, must be 2");
    O o = adam;
    o.beta1 = betas[0], o.beta2 = betas[1];
    return o;
  }
  static void fields(auto& visit, auto& c) {
    rate_field(visit, c.adam);
    visit("betas", c.betas, "of the running means of gradient and square", fraction());
    visit("eps", c.adam.eps, "added to the root of the mean square", above(0));
    decay_fields(visit, c.adam);
  }
};
template <>
struct Listed<AdamOptions> : ListedAdam<AdamOptions> {
  static constexpr const char* kType = "adam";
};
template <>
struct Listed<AdamWOptions> : ListedAdam<AdamWOptions> {
  static constexpr const char* kType = "adamw";
};

template <>
struct Listed<RMSpropOptions> : Plain<RMSpropOptions> {
  static constexpr const char* kType = "rmsprop";
  static void fields(auto& visit, auto& c) {
    rate_field(visit, c);
    visit("alpha", c.alpha, "of the running mean of the square", fraction());
    visit("eps", c.eps, "added to the root of the mean square", above(0));
    visit("momentum", c.momentum, "of the running sum of steps", fraction());
    visit("centered", c.centered, "divide by the standard deviation");
    decay_fields(visit, c);
  }
};

template <class O>
struct ListedPolicy : Plain<O> {
  static constexpr const char* kType = O::name;
};
template <>
struct Listed<ConstantLR> : ListedPolicy<ConstantLR> {
  static void fields(auto&, auto&) {}
};
template <>
struct Listed<StepLR> : ListedPolicy<StepLR> {
  static void fields(auto& visit, auto& c) {
    visit("step_size", c.step_size, "steps between two cuts", required(at_least(1)));
    visit("gamma", c.gamma, "factor of each cut", factor());
  }
};
template <>
struct Listed<ExponentialLR> : ListedPolicy<ExponentialLR> {
  static void fields(auto& visit, auto& c) { visit("gamma", c.gamma, "factor of each step", required(factor())); }
};
template <>
struct Listed<CosineAnnealingLR> : ListedPolicy<CosineAnnealingLR> {
  static void fields(auto& visit, auto& c) {
    visit("t_max", c.t_max, "steps down to eta_min; 0: the rest", at_least(0));
    visit("eta_min", c.eta_min, "the last rate", at_least(0));
  }
};
template <>
struct Listed<OneCycleLR> : ListedPolicy<OneCycleLR> {
  static void fields(auto& visit, auto& c) {
    visit("total_steps", c.total_steps, "steps of the cycle; 0: the rest", at_least(0));
    visit("pct_start", c.pct_start, "share of the steps that go up", fraction());
    visit("div_factor", c.div_factor, "lr / div_factor is the first rate", at_least(1));
    visit("final_div_factor", c.final_div_factor, "the first rate / final_div_factor is the last", at_least(1));
  }
};
template <>
struct Listed<LinearLR> : ListedPolicy<LinearLR> {
  static void fields(auto& visit, auto& c) {
    visit("total_iters", c.total_iters, "steps of the line", at_least(1));
    visit("start_factor", c.start_factor, "lr times this is the first rate", between(0, 1));
    visit("end_factor", c.end_factor, "lr times this is the last rate", between(0, 1));
  }
};
template <>
struct Listed<SequentialLR> : ListedPolicy<SequentialLR> {
  static void fields(auto& visit, auto& c) {
    visit("policies", c.policies, "schedules, one after another", required());
    visit("milestones", c.milestones, "the steps at which the second, third, ... begin", required(at_least(1)));
  }
};

template <>
struct Listed<Augment> : Plain<Augment> {
  static void fields(auto& visit, auto& c) {
    visit("shift", c.shift, "pixels: up to this far along each axis", between(0, 1e4));
    visit("rotate", c.rotate, "degrees: up to this far either way", between(0, 180));
    visit("scale", c.scale, "the size changes by up to this share", between(0, 0.9));
    visit("elastic", c.elastic, "pixels: a smooth field moves its control points by up to this far along each axis",
          between(0, 1000));
  }
};
template <>
struct Listed<EmaOptions> : Plain<EmaOptions> {
  static void fields(auto& visit, auto& c) {
    visit("decay", c.decay, "weight of the old average at each step; 0: no average", fraction());
    visit("warmup", c.warmup, "start with smaller decays");
  }
};

template <class O>
Listed<O> listed(const O& options) {
  Listed<O> l;
  l.set(options);
  return l;
}

// The alternatives of a variant, one after another: f.operator()<O>().
template <class V, class F>
void each_alternative(F&& f) {
  [&]<class... O>(std::variant<O...>*) { (f.template operator()<O>(), ...); }(static_cast<V*>(nullptr));
}

template <class V>
std::vector<std::string_view> type_names() {
  std::vector<std::string_view> names;
  each_alternative<V>([&]<class O>() { names.push_back(Listed<O>::kType); });
  return names;
}

// {"type": ..., settings of that type}.
template <class V>
V read_union(const Json& j) {
  const auto names = type_names<V>();
  std::string known;
  for (std::string_view n : names) known += (known.empty() ? "" : ", ") + std::string(n);
  require(j.is_object() && j.contains("type") && j["type"].is_string(), " must be an object with a \"type\" (", known, "), got ",
          shown(j));
  const std::string type = j["type"];
  std::optional<V> result;
  each_alternative<V>([&]<class O>() {
    if (type != Listed<O>::kType) return;
    Listed<O> l;
    static constexpr std::string_view others[] = {"type"};
    in_context(" (" + type + ")", [&] { read_fields(j, fields_in(l), others), result = V(l.options()); });
  });
  if (result) return *result;
  const std::string_view near = nearest(type, names);
  fail(" has the unknown type ", shown(j["type"]), ", known are ", known, near.empty() ? "" : "; did you mean ", near,
       near.empty() ? "" : "?");
}

template <class V>
OrderedJson write_union(const V& v) {
  return std::visit(
      [](const auto& options) {
        auto l = listed(options);
        OrderedJson j = OrderedJson::object();
        j["type"] = l.kType;
        write_fields(fields_in(l), j);
        return j;
      },
      v);
}

const AnyPolicy& as_variant(const Policy& p) { return p; }
const OptimizerOptions& as_variant(const OptimizerOptions& o) { return o; }

}  // namespace

std::span<const char* const> choices_of(DataSource) { return kSources; }
std::span<const char* const> choices_of(Decay) { return kDecays; }

template <TrainingPart T>
void read_value(const Json& j, T& value, const Limits&) {
  if constexpr (std::same_as<T, OptimizerOptions>) {
    value = read_union<OptimizerOptions>(j);
  } else if constexpr (std::same_as<T, Policy>) {
    value = std::visit([](auto p) { return Policy(std::move(p)); }, read_union<AnyPolicy>(j));
  } else if constexpr (std::same_as<T, std::vector<Policy>>) {
    require(j.is_array(), " must be an array, got ", shown(j));
    value.clear();
    for (std::size_t i = 0; i < j.size(); ++i) try {
        read_value(j[i], value.emplace_back(), Limits{});
      } catch (const Error& e) {
        fail('[', i, ']', e.what());
      }
  } else {
    Listed<T> l = listed(value);
    read_object(j, fields_in(l));
    value = l.options();
  }
}

template <TrainingPart T>
void write_value(OrderedJson& j, const T& value) {
  if constexpr (std::same_as<T, std::vector<Policy>>) {
    j = OrderedJson::array();
    for (const Policy& p : value) j.push_back(write_union(as_variant(p)));
  } else if constexpr (requires { as_variant(value); }) {
    j = write_union(as_variant(value));
  } else {
    Listed<T> l = listed(value);
    j = write_fields(fields_in(l));
  }
}

template <TrainingPart T>
std::string kind_of(const T&, const Limits&) {
  return std::same_as<T, std::vector<Policy>> ? "array" : "object";
}

template void read_value(const Json&, OptimizerOptions&, const Limits&);
template void read_value(const Json&, Policy&, const Limits&);
template void read_value(const Json&, std::vector<Policy>&, const Limits&);
template void read_value(const Json&, Augment&, const Limits&);
template void read_value(const Json&, EmaOptions&, const Limits&);
template void write_value(OrderedJson&, const OptimizerOptions&);
template void write_value(OrderedJson&, const Policy&);
template void write_value(OrderedJson&, const std::vector<Policy>&);
template void write_value(OrderedJson&, const Augment&);
template void write_value(OrderedJson&, const EmaOptions&);
template std::string kind_of(const OptimizerOptions&, const Limits&);
template std::string kind_of(const Policy&, const Limits&);
template std::string kind_of(const std::vector<Policy>&, const Limits&);
template std::string kind_of(const Augment&, const Limits&);
template std::string kind_of(const EmaOptions&, const Limits&);

TrainingConfig read_training(const Json& training) {
  TrainingConfig config;
  in_context("training", [&] {
    require(training.is_object() || training.is_null(), "must be an object, got ", shown(training));
    if (training.is_object()) read_fields(training, fields_in(config));
  });
  check_training(config);
  return config;
}

TrainingConfig training_of(const Model& model) {
  Json training = model.training();
  const JsonGuard guard{training};
  return read_training(training);
}

OrderedJson write_training(const TrainingConfig& config) {
  TrainingConfig canonical = config;
  canonical.threads = 0;
  return write_fields(fields_in(canonical));
}

std::string training_identity(TrainingConfig config) {
  config.distillation.teacher.clear();
  return text_of(write_training(config));
}
std::string training_identity(const Json& training) { return training_identity(read_training(training)); }

void check_training(const TrainingConfig& config) {
  in_context("training", [&] {
    TrainingConfig copy = config;
    check_fields(fields_in(copy));
    require(!config.quant || config.ema.decay == 0,
            "quant: weights next to a rounding boundary must not be averaged; leave out ema");
    require(!config.ema.warmup || config.ema.decay > 0, "ema: warmup needs a decay above 0");
    // Their constructors know what their options may be.
    ParamSet nothing;
    in_context("optimizer", [&] { make_optimizer(config.optimizer, config.clip_norm, nothing); });
    in_context("schedule", [&] { Schedule(learning_rate(config.optimizer), resolved(config.schedule, 1000000000)); });
  });
}

double learning_rate(const OptimizerOptions& options) {
  return std::visit([](const auto& o) { return o.lr; }, options);
}

namespace {
std::unique_ptr<Optimizer> optimizer_of(const SGDOptions& o, ParamSet& p) { return std::make_unique<SGD>(p, o); }
std::unique_ptr<Optimizer> optimizer_of(const AdamOptions& o, ParamSet& p) { return std::make_unique<Adam>(p, o); }
std::unique_ptr<Optimizer> optimizer_of(const AdamWOptions& o, ParamSet& p) { return std::make_unique<AdamW>(p, o); }
std::unique_ptr<Optimizer> optimizer_of(const RMSpropOptions& o, ParamSet& p) { return std::make_unique<RMSprop>(p, o); }

template <class V>
std::string type_rows() {
  std::string rows;
  each_alternative<V>([&]<class O>() {
    Listed<O> l;
    const std::string type = std::string("`") + Listed<O>::kType + '`', more = markdown_rows(fields_in(l), type);
    rows += more.empty() ? "| " + type + " | | | | |\n" : more;
  });
  return rows;
}
}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, double clip_norm, ParamSet& params) {
  return std::visit(
      [&](auto o) {
        o.clip_norm = clip_norm;
        return optimizer_of(o, params);
      },
      options);
}

Policy resolved(Policy policy, long steps) {
  const int rest = int(std::clamp(steps, 1L, long(std::numeric_limits<int>::max())));
  const auto set = [&](auto& p) {
    if constexpr (requires { p.total_steps; }) p.total_steps = p.total_steps ? p.total_steps : rest;
    if constexpr (requires { p.t_max; }) p.t_max = p.t_max ? p.t_max : rest;
    if constexpr (requires { p.policies; })
      for (std::size_t i = 0; i < p.policies.size(); ++i) {
        const long begin = i > 0 && i <= p.milestones.size() ? p.milestones[i - 1] : 0;
        const long end = i < p.milestones.size() ? p.milestones[i] : steps;
        p.policies[i] = resolved(std::move(p.policies[i]), end - begin);
      }
  };
  std::visit(set, static_cast<AnyPolicy&>(policy));
  return policy;
}

std::string training_table_markdown() {
  TrainingConfig config;
  Listed<Augment> augment;
  Listed<EmaOptions> ema = listed(config.ema);
  DistillationOptions distillation;
  QuantOptions quant;
  const std::string head = " | key | value | default | meaning |\n|---|---|---|---|---|\n";
  return "| of" + head + markdown_rows(fields_in(config), "`training`") + markdown_rows(fields_in(augment), "`augmentation`") +
         markdown_rows(fields_in(distillation), "`distillation`") + markdown_rows(fields_in(ema), "`ema`") +
         markdown_rows(fields_in(quant), "`quant`") + markdown_rows(fields_in(quant.weights), "`weights`") +
         markdown_rows(fields_in(quant.activations), "`activations`") + "\n| optimizer" + head + type_rows<OptimizerOptions>() +
         "\n| schedule" + head + type_rows<AnyPolicy>();
}

}  // namespace six
