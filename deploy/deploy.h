#pragma once
#include <functional>
#include <string>

#include "../data/file.h"
#include "c_writer.h"
#include "report.h"

namespace six {

struct DeployOptions {
  std::string name = {};    // of the C file and its functions
  long calibration = 1000;  // training images, the first in file order; a fake-quantised model has ranges and needs none
  bool int32_logits = false;
  QuantOptions quant = {};  // of a fake-quantised model only the rounding counts: the others are those it was trained with
  MemoryOptions memory = {};
  bool fold_mean = false;                  // see quantize
  bool caller_arena = false, avr = false;  // see COptions
  bool pack4 = false;                      // two weights of 4 bits a byte
  int self_test_images = 1;                // training images embedded for the self-test
  long checked = 100;                      // test images on which the fast kernels are compared with the emulator
  int threads = 0;
};

// A trained model as integers and as C.
struct Deployment {
  IntNetwork network;
  DeployReport report;
  CFiles files;
  std::string json, text;  // the report
};

// Folds, calibrates on training images, quantises, measures on the test images and writes C. `say` hears the table of the plan
// before anything is run. Throws naming the layer.
Deployment deploy(const Model& model, const Dataset& data, const DeployOptions& options,
                  const std::function<void(const std::string&)>& say = {});
// Throws if one of these files could not be written, or is there twice: `folder` will be made, other folders must be there.
void check_outputs(const std::vector<std::string>& files, const std::string& folder);
std::vector<std::string> deployed_files(const std::string& name, const std::string& folder);
// NAME.h, NAME.c, report.json and report.txt in a folder, then `more`: none is replaced before all are written, see
// write_files_atomic.
void write_deployment(const Deployment& deployment, const std::string& name, const std::string& folder,
                      std::vector<NewFile> more = {});

}  // namespace six
