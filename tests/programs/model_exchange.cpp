// Models and weights for tests/layers/torch_exchange.py:
//   model_exchange write MODEL OUT              weights after a step of training
//   model_exchange resave MODEL WEIGHTS OUT     weights as they were read
//   model_exchange logits MODEL WEIGHTS IN OUT  the outputs "y" [n, k] in inference, for "x" [n, h, w, c]
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "../../core/error.h"
#include "../../layers/model.h"
#include "../../optim/sgd.h"

namespace {

using namespace six;

// Moves weights and running statistics away from where they start.
void train_a_step(Model& model) {
  const Shape& s = model.input_shape();
  const Shape batch = s.rank() == 3 ? Shape{8, s[0], s[1], s[2]} : Shape{8, s[0]};
  std::vector<real> x(std::size_t(batch.size()));
  const Rng rng(1, Purpose::user);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = real(rng.normal(i));
  Tape tape;
  const Var y = model(tape.input(x.data(), batch));
  tape.backward(mean(y * y));
  SGD(model.params(), {.lr = 0.1}).step();
}

void logits(const Model& model, const std::string& in, const std::string& out) {
  const Safetensors file = read_safetensors(in);
  const SavedTensor* x = file.find("x");
  require(x != nullptr && (x->shape.size() == 2 || x->shape.size() == 4), in, ": no tensor x [n, h, w, c] or [n, features]");
  const auto& s = x->shape;
  const std::vector<real> values = load_reals(*x);
  Tape tape({.training = false, .record = false});
  const Var y = model(tape.input(values.data(), s.size() == 4 ? Shape{s[0], s[1], s[2], s[3]} : Shape{s[0], s[1]}));
  Safetensors result;
  result.tensors.push_back(save_reals("y", {y.shape()[0], y.size() / y.shape()[0]}, y.values()));
  write_safetensors(out, result);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> a(argv + 1, argv + argc);
  require(a.size() >= 3, "usage: model_exchange write|resave|logits MODEL ...");
  Model model = Model::from_json(a[1], {.seed = 5});
  if (a[0] == "write" && a.size() == 3) {
    train_a_step(model);
    model.save(a[2]);
  } else if (a[0] == "resave" && a.size() == 4) {
    model.load_weights(a[2]);
    model.save(a[3]);
  } else if (a[0] == "logits" && a.size() == 5) {
    model.load_weights(a[2]);
    logits(model, a[3], a[4]);
  } else {
    fail("usage: model_exchange write|resave|logits MODEL ...");
  }
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 2;
}
