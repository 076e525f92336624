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

namespace {
// An object on one line, member by member: a JSON value would allocate in its destructor, and a log is written when memory may be
// short.
class Line {
 public:
  Line& put(const std::string& key, const OrderedJson& scalar) { return put_text(key, scalar.dump()); }
  Line& put_text(const std::string& key, const std::string& value) {
    text_ += (text_.empty() ? '{' : ',') + OrderedJson(key).dump() + ':' + value;
    return *this;
  }
  std::string object() const { return text_.empty() ? "{}" : text_ + '}'; }

 private:
  std::string text_;
};
}  // namespace

namespace {
constexpr const char* kLogFormat = "sixgrad-log";

// Where a log is to be cut back to: whole lines, the first of them the header.
std::int64_t log_start(const std::string& path, std::optional<std::int64_t> offset) {
  if (!offset) return 0;
  constexpr const char* kRemedy = "; put the log of the run back, or remove it, and a new one begins where the training goes on";
  require(file_exists(path), path, ": is missing, but the checkpoint goes on after ", *offset,
          " bytes of it; put the log of the run back");
  const std::string text = read_text(path, kMaxFileBytes);
  require(*offset >= 0 && *offset <= std::int64_t(text.size()), path, ": has ", text.size(),
          " bytes, the checkpoint goes on after ", *offset, kRemedy);
  const std::string header = Line().put("format", kLogFormat).object();
  require(text.starts_with(std::string_view(header).substr(0, header.size() - 1)) && *offset > 0 &&
              text[std::size_t(*offset) - 1] == '\n',
          path, ": its first ", *offset, " bytes are not the header and whole lines of a log", kRemedy);
  return *offset;
}
}  // namespace

MetricsLog::MetricsLog(const std::string& path, const Header& header, std::optional<std::int64_t> offset)
    : file_(path, log_start(path, offset)) {
  if (offset) return;
  Line line;
  line.put("format", kLogFormat).put("version", 1).put("config_hash", header.config_hash).put("seed", header.seed);
  line.put("threads", header.threads).put("precision", precision()).put("isa", instruction_set()).put("library", library_version());
  file_.append(line.object() + '\n');
}

void MetricsLog::epoch(const EpochReport& r) {
  Line gates;
  for (const ClosedGates& g : r.closed_gates) {
    Line at;
    if (std::isfinite(g.lo)) at.put("at_" + number(g.lo).dump(), json_number(g.at_lo));
    if (std::isfinite(g.hi)) at.put("at_" + number(g.hi).dump(), json_number(g.at_hi));
    gates.put_text(g.layer, at.object());
  }
  Line line;
  line.put("epoch", r.epoch).put("step", r.step).put("split", "train").put("loss", json_number(r.loss));
  line.put("accuracy", json_number(r.accuracy)).put("lr", json_number(r.lr)).put("grad_norm", json_number(r.grad_norm));
  line.put("images_per_second", json_number(r.images_per_second)).put("seconds", json_number(r.seconds));
  file_.append(line.put_text("closed_gates", gates.object()).object() + '\n');
  if (r.evaluation) evaluation(r, r.split, *r.evaluation, r.evaluation_seconds);
}

void MetricsLog::evaluation(const EpochReport& after, const std::string& split, const Evaluation& e, double seconds) {
  Line line;
  line.put("epoch", after.epoch).put("step", after.step).put("split", split).put("loss", json_number(e.loss));
  line.put("accuracy", json_number(e.accuracy())).put("images_per_second", json_number(double(e.images()) / seconds));
  file_.append(line.put("seconds", json_number(seconds)).object() + '\n');
}

}  // namespace six
