#include "support.h"

#include "../../core/rng.h"
#include "../../optim/sgd.h"

namespace six::test {

std::string model_text(const std::string& layers, const std::string& input) {
  return R"({"format": "sixgrad-model", "version": 1, "input": )" + input + R"(, "layers": [)" + layers + "]}";
}

std::string error_of(const std::string& layers, const std::string& input) {
  return message_of([&] { model_of(layers, input); });
}

std::vector<real> draw(long n, std::uint64_t seed) {
  const Rng rng(seed, Purpose::user);
  std::vector<real> x(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = real(rng.normal(i));
  return x;
}

Shape batched(long n, const Shape& s) { return s.rank() == 3 ? Shape{n, s[0], s[1], s[2]} : Shape{n, s[0]}; }

std::vector<real> outputs(const Model& model, long n, bool training) {
  const std::vector<real> x = draw(n * model.input_shape().size());
  Tape tape({.threads = 1, .training = training, .record = training});
  return model(tape.input(x.data(), batched(n, model.input_shape()))).values();
}

void step(Model& model, double lr, long n) {
  const std::vector<real> x = draw(n * model.input_shape().size()), w = draw(n * model.output_shape().size(), 8);
  Tape tape({.threads = 1});
  const Var y = model(tape.input(x.data(), batched(n, model.input_shape())));
  tape.backward(sum(y * tape.input(w.data(), y.shape())));
  SGD(model.params(), {.lr = lr}).step();
}

std::vector<real> copy_of(const ParamSet& p) {
  std::vector<real> all(p.values(), p.values() + p.size());
  all.insert(all.end(), p.buffer_values(), p.buffer_values() + p.buffer_size());
  return all;
}

}  // namespace six::test
