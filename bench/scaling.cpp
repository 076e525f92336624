// How the training step and the kernels scale: threads, batch, channels.
#include "bench.h"

namespace bench {
namespace {

Json small(const Json& full) {
  return {{"threads", full["threads"]},
          {"batch", full["batch"]},
          {"ms_per_step_median", full["ms_per_step_median"]},
          {"ms_per_step_min", full["ms_per_step_min"]},
          {"images_per_second", full["images_per_second"]}};
}

// A net of one width: a stem and two MobileNet blocks of c channels.
std::string net_of(int c) {
  const std::string n = std::to_string(c);
  return R"({"format":"sixgrad-model","version":1,"name":"width","input":[14,14,1],"layers":[{"type":"conv2d","out_channels":)" +
         n + R"(,"kernel":3,"bias":false},{"type":"batch_norm"},{"type":"relu6"},{"type":"separable","out_channels":)" + n +
         R"(},{"type":"separable","out_channels":)" + n + R"(},{"type":"global_avg_pool"},{"type":"linear","out_features":10}]})";
}

}  // namespace

Json scaling(const std::string& net) {
  Json threads = Json::array(), batches = Json::array(), channels = Json::array();
  for (int t : {1, 2, 3, 4}) threads.push_back(small(step({.net = net, .threads = t, .steps = 30})));
  for (int b : {1, 2, 4, 8, 16, 32, 64, 128, 256, 512})
    batches.push_back(small(step({.net = net, .batch = b, .steps = b > 128 ? 10 : 30})));
  for (int c : {8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256}) {
    Json row = small(step({.net = net_of(c), .batch = 32, .steps = 10}));
    row["channels"] = c;
    channels.push_back(row);
  }
  return {{"net", net}, {"threads", threads}, {"batches", batches}, {"channels", channels}};
}

}  // namespace bench
