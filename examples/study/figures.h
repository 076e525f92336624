#pragma once
// The figures of the report: panels drawn by gnuplot as SVG that takes its colours from the page.
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "verdict.h"

namespace six::study {

// Colours (CSS variables --c0 to --c5, --grey of the page) and shapes, which go together: what is told apart by colour is told
// apart by shape too.
struct Pen {
  int color = 0;   // of kColors, or kGrey
  int marker = 0;  // gnuplot's point type; 0: no points
};
inline constexpr int kGrey = 6;
inline constexpr Pen kReluPen{0, 7}, kRelu6Pen{1, 9}, kThirdPen{2, 5}, kFourthPen{3, 13}, kFifthPen{4, 11}, kSixthPen{5, 15};
inline constexpr Pen without_points(Pen pen) { return {pen.color, 0}; }

enum class Stroke { none, solid, dashed, dotted };

struct Series {
  std::string title;  // in the key, if not empty
  Pen pen;
  std::vector<double> x, y;
  Stroke stroke = Stroke::solid;
  std::vector<double> lo = {}, hi = {};  // ends of error bars, in y, or in x if `across`
  bool across = false;
  bool steps = false;  // a histogram's outline
  double width = 1.5, point = 0.6;
};

// A line across the panel at x (or y).
struct Rule {
  double at;
  std::string title;
  Stroke stroke = Stroke::dashed;
};

struct Axis {
  std::string title;
  double lo = kAuto, hi = kAuto;
  double log = 0;                                          // its base; 0: linear
  std::vector<std::pair<double, std::string>> ticks = {};  // none: gnuplot's own
  static constexpr double kAuto = std::numeric_limits<double>::infinity();
};

struct Panel {
  std::string title;
  Axis x, y;
  std::vector<Series> series;
  std::vector<Rule> at_x = {}, at_y = {};
  double band = 0;                                       // a grey band of |x| <= band
  std::string key = "outside bottom center horizontal";  // gnuplot's words
  int width = 440, height = 320;
};

// The panel as an <svg> element; "" if it has no finite point.
std::string svg(const Panel& panel);
// SVG of gnuplot made fit for the page: no sizes, no fonts, no white ground, colours of the page.
std::string themed(std::string svg, const std::string& title);
// Shapes of the points of all panels, once in a page.
std::string markers();

struct FigureOfReport {
  int number;
  std::string title, caption;
  std::vector<std::string> panels;  // none: there are no data
  std::string missing = {};         // which, then
};
FigureOfReport functions_figure();                                  // 1
FigureOfReport forest_figure(const Findings& f);                    // 2
FigureOfReport bits_figure(const StudyData& d);                     // 3
FigureOfReport prediction_figure(const StudyData& d);               // 4
FigureOfReport histogram_figure(const StudyData& d);                // 5
FigureOfReport layers_figure(const StudyData& d);                   // 6
FigureOfReport scale_figure(const StudyData& d);                    // 7
FigureOfReport kink_figure(const StudyData& d, const Findings& f);  // 8
FigureOfReport divergence_figure(const StudyData& d);               // 9
inline std::vector<FigureOfReport> figures_of(const StudyData& d, const Findings& f) {
  return {functions_figure(), forest_figure(f), bits_figure(d),    prediction_figure(d), histogram_figure(d),
          layers_figure(d),   scale_figure(d),  kink_figure(d, f), divergence_figure(d)};
}

}  // namespace six::study
