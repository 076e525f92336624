#pragma once
#include <functional>
#include <string>
#include <vector>

#include "../../data/dataset.h"
#include "../../layers/model.h"
#include "plan.h"

namespace six::study {

// A data set, its network and how that is trained, as docs/STUDY_DESIGN.md section 4 says.
struct Setting {
  Dataset data;
  std::string dataset;   // "mnist", "digits", "fashion-mnist"
  std::string net;       // the name of the network
  std::string net_text;  // its JSON, blocks written out
  int batch = 128;
  double lr = 1e-2;                           // the base rate
  std::vector<std::string> file_hashes = {};  // SHA-256 of the four files, unpacked; of the digits' images and labels
};
// The set in `folder`; without one that of $MNIST_DIR or the cache folder, else, or if they are asked for, the embedded digits.
// Nothing is downloaded.
Setting load_setting(const std::string& folder, bool want_digits = false);

// The JSON with every block `separable` written as its six layers: an activation is then a layer of its own.
std::string flat_net(const std::string& model_json);

// The upper ends of a network's activations, one for all or one for each; infinite: a plain ReLU.
using Clips = std::vector<double>;
// The JSON of the network of a run; `activation` makes the JSON of activation i.
std::string net_of(const Setting& s, bool bn, const std::function<std::string(std::size_t i)>& activation);
// As it is trained: the same seed gives the same weights for every arm.
Model make_model(const Setting& s, const Run& run);
// The weights of a trained model of a run (other arms' too), with plain clamps.
Model with_clips(const Setting& s, const Run& run, const Model& trained, const Clips& clips);
// The same with layers that observe, see diagnose.h.
Model observed_model(const Setting& s, const Run& run, const Model& trained, const Clips& clips);
// The ends of a run's activations: of its arm, or as PACT has learned them.
Clips clips_of(const Run& run, const Model& trained);
// Multiplies the weights of the first layer: the network then sees its image times k.
void scale_input(Model& model, double k);

}  // namespace six::study
