#pragma once
// Knowledge distillation: a small net learns from the answers of a larger one, beside the labels (Hinton, Vinyals and Dean 2015,
// arXiv:1503.02531).
#include <cstdint>
#include <string>

#include "../layers/config.h"
#include "../layers/model.h"

namespace six {

struct DistillationOptions {
  std::string teacher = {};  // "": none
  double weight = 0.9, temperature = 4;

  static void fields(auto& visit, auto& c) {
    visit("teacher", c.teacher, "folder of the run of a larger net, or a model.safetensors; \"\": no distillation");
    visit("weight", c.weight, "share of the teacher's answers in the loss; the labels have the rest", between(0, 1));
    visit("temperature", c.temperature, "both nets' logits are divided by it, so that unlikely classes count", between(0.1, 100));
  }
};

// The larger net, which answers for one batch at a time.
class Teacher {
 public:
  // Throws Error, naming the path, if the model cannot be loaded or compiled, takes other images or has other classes than the
  // student, or learned from some of the `validation` images that are set aside.
  Teacher(const DistillationOptions& options, const Model& student, int validation, int threads);

  // (1 - w) * hard + w * t^2 * KL(softmax(teacher(images) / t), softmax(logits / t)), the mean over n images [n, h, w, c] and their
  // logits [n, classes]; t^2 keeps the gradients of both parts in proportion (section 2 there).
  // Throws Error if an answer is not finite.
  Var loss(Var hard, Var logits, Bytes images);

  std::uint32_t digest(std::uint32_t before) const;  // CRC-32 of its layers and numbers, continuing `before`

 private:
  DistillationOptions options_;
  Model model_;
  Inference inference_;
};

}  // namespace six
