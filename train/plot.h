#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "../core/tape.h"

namespace six {

struct Curve {
  std::string title;           // in the legend
  std::vector<double> x, y;    // of equal length
  std::string color = "#000";  // as gnuplot takes it
  bool dashed = false;
  int marker = 0;  // draws its points with that shape (a point type of gnuplot, 1 to 15) in place of a line
};

// Curves over axes that cross at the origin, with ticks below and to the left of them, no frame.
struct Figure {
  std::string title;
  std::vector<Curve> curves;
  int width = 1200, height = 800;  // in pixels
  int font = 18;                   // size of the text, in points; that of the title is a third more
  std::string key = "top left";    // where the legend stands, in gnuplot's words
};

enum class FigureFormat { svg, png };

// The figure as a file of that format, made by gnuplot; the same figure gives the same bytes. Throws Error if gnuplot is not
// installed or fails, if there are no curves, or if a curve's x and y differ in length.
std::vector<std::uint8_t> draw(const Figure& figure, FigureFormat format);
// What gnuplot is told; throws like `draw`.
std::string gnuplot_script(const Figure& figure, FigureFormat format);
// What gnuplot prints when it runs a script. Throws Error if it is not installed or fails.
std::vector<std::uint8_t> run_gnuplot(const std::string& script);
// A text within double quotation marks, where gnuplot knows escapes; ends of lines become blanks.
std::string gnuplot_quoted(const std::string& text);

// A function and its derivative at `n` equally spaced points from lo to hi, both included, as the library computes them: the
// forward pass, and the backward pass of the sum.
struct Samples {
  std::vector<double> x, y, derivative;
};
Samples sample(const std::function<Var(Var)>& f, double lo, double hi, int n);
// The same at given points.
Samples sample(const std::function<Var(Var)>& f, const std::vector<real>& x);

}  // namespace six
