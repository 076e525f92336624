#include "metrics_log.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "environment.h"

namespace six {

OrderedJson json_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

MetricsLog::MetricsLog(const std::string& path, const Header& header, std::optional<std::int64_t> offset)
    : file_(path, offset.value_or(0)) {
  if (offset) return;
  line({{"format", "sixgrad-log"},
        {"version", 1},
        {"config_hash", header.config_hash},
        {"seed", header.seed},
        {"threads", header.threads},
        {"precision", precision()},
        {"isa", instruction_set()},
        {"library", library_version()}});
}

void MetricsLog::line(const OrderedJson& object) { file_.append(object.dump() + '\n'); }

void MetricsLog::epoch(const EpochReport& r) {
  OrderedJson gates = OrderedJson::object();
  for (const ClosedGates& g : r.closed_gates) {
    OrderedJson& at = gates[g.layer];
    at = OrderedJson::object();
    const auto put = [&](real bound, double share) {
      if (std::isfinite(bound)) at["at_" + number(bound).dump()] = json_number(share);
    };
    put(g.lo, g.at_lo), put(g.hi, g.at_hi);
  }
  line({{"epoch", r.epoch},
        {"step", r.step},
        {"split", "train"},
        {"loss", json_number(r.loss)},
        {"accuracy", json_number(r.accuracy)},
        {"lr", json_number(r.lr)},
        {"grad_norm", json_number(r.grad_norm)},
        {"images_per_second", json_number(r.images_per_second)},
        {"seconds", json_number(r.seconds)},
        {"closed_gates", gates}});
  if (r.evaluation) evaluation(r, r.split, *r.evaluation, r.evaluation_seconds);
}

void MetricsLog::evaluation(const EpochReport& after, const std::string& split, const Evaluation& e, double seconds) {
  line({{"epoch", after.epoch},
        {"step", after.step},
        {"split", split},
        {"loss", json_number(e.loss)},
        {"accuracy", json_number(e.accuracy())},
        {"images_per_second", json_number(double(e.images()) / seconds)},
        {"seconds", json_number(seconds)}});
}

}  // namespace six
