#pragma once
#include <string>

#include "../../examples/study/report_data.h"

namespace six::study {

// A study that was never run: tables of the shape that the program writes, with planted effects (means in pp, over seeds).
struct Planted {
  int seeds = 12;
  bool sub_studies = true;  // else the pair and its quantisation alone
  double delta = 0, delta_no_bn = 0;
  double d8_tensor = 0, d8_channel = 0, d4 = 0, d4_calibrated = 0, qat = 0;
  double noise = 0.05;                   // sd of each accuracy
  double cut = 0, cut_no_bn = 0;         // share of gradient cut in ReLU6's last layer
  double zeros = 0;                      // more zeros in ReLU6's layers, as a share
  double cost = 1;                       // ns of ReLU6 by those of ReLU
  double scale_no_bn = 0, scale_bn = 0;  // how much more ReLU6 loses at k = 16
  bool kinks_matter = false, ties = true;
};
StudyData synthetic(const Planted& planted);
// Writes its tables, as the running side does.
void write(const StudyData& data, const std::string& directory);

}  // namespace six::study
