// What people get wrong: each is one clear Error, and what they go on with still works.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "../../core/ops/ops.h"
#include "../data/support.h"
#include "support.h"

namespace six::test {
namespace {

struct Batch8 {
  Dataset data = few_digits();
  Bytes images = data.train.bytes(0, 8);
  std::span<const int> labels = std::span(data.train.labels).first(8);
  Var loss(Tape& tape, const Model& model) const { return cross_entropy(model(tape.input(images)), labels); }
};

TEST_CASE("misuse: a Var from before the reset") {
  const Batch8 batch;
  const Model model = small_net();
  Tape tape({.threads = 1});
  const Var x = tape.input(batch.images), old = model(x);
  tape.reset();
  const std::string says = "tape: this Var is from before the last reset, or of a tape that is gone; record the value again";
  CHECK(message_of([&] { cross_entropy(old, batch.labels); }) == says);
  CHECK(message_of([&] { model(x); }) == says);
  CHECK(message_of([&] { old.item(); }) == says);
  tape.reset();
  CHECK_NOTHROW(tape.backward(batch.loss(tape, model)));
}

TEST_CASE("misuse: two tapes mixed") {
  const Batch8 batch;
  const Model model = small_net();
  Tape tape({.threads = 1}), other({.threads = 1});
  const Var a = batch.loss(tape, model), b = batch.loss(other, model);
  const std::string says = "tape: this Var belongs to another tape";
  CHECK(message_of([&] { (void)(a + b); }) == says);
  CHECK(message_of([&] { tape.backward(b); }) == says);
  CHECK(message_of([&] { other.backward(a); }) == says);
  CHECK_NOTHROW(tape.backward(a));
  CHECK_NOTHROW(other.backward(b));
}

TEST_CASE("misuse: shapes that do not match name the op or layer and both shapes") {
  const Batch8 batch;
  const Model model = small_net();
  Tape tape({.threads = 1});
  const std::vector<real> numbers(1000);
  CHECK(message_of([&] {
          model(tape.input(numbers.data(), {2, 9, 8, 1}));
        }) == "model: the input has shape [2,9,8,1], expected n samples of [8,8,1]");
  const Var logits = model(tape.input(batch.images));
  CHECK(contains(message_of([&] { cross_entropy(logits, batch.labels.first(7)); }), {"cross_entropy", "7", "[8,10]"}));
  CHECK(contains(message_of([&] { (void)(logits + tape.input(numbers.data(), {10, 8})); }), {"add", "[8,10]", "[10,8]"}));
  CHECK_NOTHROW(tape.backward(cross_entropy(logits, batch.labels)));
}

TEST_CASE("misuse: training on a tape in inference mode is refused by the optimizer, before anything has changed") {
  const Batch8 batch;
  Model model = small_net();
  AdamW adamw(model.params());
  Tape inference({.threads = 1, .training = false}), training({.threads = 1}), deaf({.threads = 1, .record = false});
  const std::vector<real> before(model.params().values(), model.params().values() + model.params().size());
  inference.backward(batch.loss(inference, model));
  CHECK(contains(message_of([&] { adamw.step(); }),
                 {"adamw: the gradients are those of a tape in inference mode", "Tape::Options::training"}));
  CHECK(std::vector<real>(model.params().values(), model.params().values() + model.params().size()) == before);
  CHECK(adamw.steps() == 0);
  CHECK(message_of([&] { deaf.backward(batch.loss(deaf, model)); }) ==
        "backward: this tape does not record (Tape::Options::record is false)");

  model.params().mark_grads_used();  // thrown away
  training.backward(batch.loss(training, model));
  CHECK_NOTHROW(adamw.step());
  inference.reset();
  inference.backward(batch.loss(inference, model));
  model.params().allow_inference_gradients();
  CHECK_NOTHROW(adamw.step());
  CHECK(adamw.steps() == 2);
}

TEST_CASE("misuse: an optimizer over a model that stands on the tape but not under the loss") {
  const Batch8 batch;
  Model student = small_net(), teacher = small_net(2);
  AdamW over_teacher(teacher.params()), over_student(student.params());
  Tape tape({.threads = 1});
  const Var images = tape.input(batch.images), taught = teacher(images);
  CHECK(taught.size() == 80);
  tape.backward(cross_entropy(student(images), batch.labels));
  CHECK(contains(message_of([&] { over_teacher.step(); }), {"adamw: no gradients in its parameters", "the model that is trained"}));
  CHECK_NOTHROW(over_student.step());
}

TEST_CASE("misuse: an optimizer or averages over a model that is gone, or that another one was assigned to") {
  const Batch8 batch;
  auto model = std::make_unique<Model>(small_net());
  AdamW adamw(model->params());
  Ema ema(model->params());
  const auto refused = [&] {
    for (const std::string& text :
         {message_of([&] { adamw.step(); }), message_of([&] { ema.update(); }), message_of([&] { (void)ema.swap_in(); })})
      CHECK(contains(text, {"the model this was built over is gone", "build it over the new model"}));
  };
  *model = small_net(2);
  refused();
  model.reset();
  refused();
}

TEST_CASE("misuse: a model that is gone before the sweep") {
  const Batch8 batch;
  Tape tape({.threads = 1});
  Var loss;
  {
    const Model model = small_net();
    loss = batch.loss(tape, model);
  }
  const std::string says =
      "tape: the parameters of a model on this tape are gone, destroyed or replaced by an assignment; keep the model until the "
      "values are read, or reset the tape and record again";
  CHECK(message_of([&] { tape.backward(loss); }) == says);
  CHECK(message_of([&] { loss.item(); }) == says);
  Model model = small_net(), other = std::move(model);
  tape.reset();
  loss = batch.loss(tape, other);
  const Model last = std::move(other);  // moves the handle, not the parameters
  CHECK_NOTHROW(tape.backward(loss));
}

TEST_CASE("misuse: training while the averages are swapped in") {
  const Batch8 batch;
  Model model = small_net();
  AdamW adamw(model.params());
  Ema ema(model.params()), other(model.params());
  Tape tape({.threads = 1});
  tape.backward(batch.loss(tape, model));
  adamw.step(), ema.update();
  tape.reset();
  tape.backward(batch.loss(tape, model));
  {
    const auto in = ema.swap_in();
    CHECK(message_of([&] { adamw.step(); }) == "adamw: step while the averages are swapped in; end the swap first");
    CHECK(adamw.steps() == 1);
    CHECK(message_of([&] { other.update(); }) == "ema: update while the averages are swapped in; end the swap first");
    CHECK(message_of([&] { (void)other.swap_in(); }) == "ema: the averages are swapped in already");
  }
  CHECK_NOTHROW(adamw.step());

  TrainingConfig config = full_config();
  config.skip_non_finite = 1;
  Trainer trainer(model, batch.data, config);
  trainer.step();
  const std::vector<real> good = trainer.good().values;
  const TrainerState state = trainer.state();
  {
    const auto in = trainer.ema()->swap_in();
    const std::string says = "trainer: used while the averages are swapped in; end the swap first";
    CHECK(message_of([&] { trainer.step(); }) == says);
    CHECK(message_of([&] { trainer.finish(); }) == says);
    CHECK(message_of([&] { trainer.set_state(state); }) == says);
  }
  CHECK(trainer.good().values == good);
  CHECK_NOTHROW(trainer.step());
}

TEST_CASE("misuse: a model that was moved from") {
  const Batch8 batch;
  const TempFolder folder;
  Model model = small_net();
  Trainer trainer(model, batch.data, full_config());
  trainer.step();
  Model moved = std::move(model);
  Tape tape({.threads = 1});
  const Var x = tape.input(batch.images);
  const std::string says = "model: this one was moved from; use the one it was moved to";
  for (const std::function<void()>& use : std::initializer_list<std::function<void()>>{
           [&] { model(x); }, [&] { model.params(); }, [&] { model.layers(); }, [&] { model.parameter_count(); },
           [&] { model.macs(); }, [&] { model.summary(); }, [&] { model.config(); }, [&] { model.to_json(); },
           [&] { model.save(folder / "m"); }, [&] { model.state(); }, [&] { model.set_state({}); }, [&] { model.read_state({}); },
           [&] { model.slab_state(nullptr, ""); }, [&] { model.set_slab_state({}, nullptr, ""); },
           [&] { model.compile_inference(1); }, [&] { model.predict(batch.images, 1); }, [&] { trainer.step(); },
           [&] { trainer.run(); }, [&] { trainer.finish(); }})
    CHECK(message_of(use) == says);
  CHECK_NOTHROW(cross_entropy(moved(x), batch.labels));
  model = std::move(moved);
  CHECK_NOTHROW(trainer.step());
}

TEST_CASE("misuse: a trainer whose model is gone") {
  const Batch8 batch;
  auto model = std::make_unique<Model>(small_net());
  Trainer trainer(*model, batch.data, full_config());
  trainer.step();
  model.reset();
  for (const std::string& text : {message_of([&] { trainer.step(); }), message_of([&] { trainer.finish(); })})
    CHECK(contains(text, {"adamw: the model this was built over is gone"}));
}

TEST_CASE("misuse: a trainer to whose model another one was assigned") {
  const Batch8 batch;
  Model model = small_net();
  Trainer trainer(model, batch.data, full_config());
  trainer.step();
  model = Model({8, 8, 1}, Sequential{Flatten{}, Linear{{.out_features = 200}}, Linear{{.out_features = 10}}});
  for (const std::string& text : {message_of([&] { trainer.step(); }), message_of([&] { trainer.finish(); }),
                                  message_of([&] { trainer.set_state(trainer.state()); })})
    CHECK(contains(text, {"adamw: the model this was built over is gone"}));
}

TEST_CASE("misuse: a loss that is no single number, or that depends on nothing trainable") {
  const Batch8 batch;
  const Model model = small_net();
  Tape tape({.threads = 1});
  const Var logits = model(tape.input(batch.images));
  CHECK(message_of([&] { tape.backward(logits); }) == "backward: the loss must be a single number, got shape [8,10]");
  CHECK(message_of([&] { logits.item(); }) == "item: the value has shape [8,10], expected a single number");
  CHECK(message_of([&] { tape.backward(sum(tape.constant({3}, 1))); }) ==
        "backward: the loss depends on no parameter or input that wants a gradient");
  const Var loss = cross_entropy(logits, batch.labels);
  tape.backward(loss);
  CHECK(message_of([&] { tape.backward(loss); }) == "backward: this tape was swept already; reset it and record again");
}

TEST_CASE("misuse: a layer that belongs to no model") {
  Tape tape({.threads = 1});
  const std::vector<real> numbers(64);
  CHECK(message_of([&] {
          Linear{{.out_features = 4}}(tape.input(numbers.data(), {8, 8}));
        }) == "this layer belongs to no model yet: give it to a Model first");
}

}  // namespace
}  // namespace six::test
