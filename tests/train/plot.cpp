#include "../../train/plot.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <numeric>

#include "../../core/ops/activation.h"
#include "../../data/file.h"
#include "../../data/image.h"
#include "../data/support.h"

namespace six::test {
namespace {

Figure two_lines() {
  return {.title = "A \"title\" with \\ in it",
          .curves = {{"up", {-1, 0, 2}, {-1, 0, 2}, "#1f77b4"}, {"down", {-1, 2}, {1, -2}, "#ff7f0e"}},
          .width = 300,
          .height = 200};
}

TEST_CASE("the samples of ReLU6's figure: values, derivative, and no point near a kink") {
  for (const AtKink kink : {AtKink{0, 0}, AtKink{1, 1}}) {
    const Samples s = sample([&](Var x) { return relu6(x, kink); }, -2, 8, 1000);
    REQUIRE(s.x.size() == 1000);
    CHECK(s.x.front() == -2);
    CHECK(s.x.back() == 8);
    for (int i = 0; i < 1000; ++i) {
      CHECK(s.derivative[i] == (i >= 200 && i < 800 ? 1 : 0));
      CHECK(s.y[i] == std::min(std::max(s.x[i], 0.0), 6.0));
    }
    CHECK(std::accumulate(s.y.begin(), s.y.end(), 0.0) == doctest::Approx(3000).epsilon(1e-7));
    const auto nearest = [&](double kink_at) {
      double best = 10;
      for (double x : s.x) best = std::min(best, std::fabs(x - kink_at));
      return best;
    };
    CHECK(nearest(0) == doctest::Approx(0.0020).epsilon(1e-2));
    CHECK(nearest(6) == doctest::Approx(0.0020).epsilon(1e-2));
  }
}

TEST_CASE("a figure is drawn to the size asked for, with something in it, and the same each time") {
  const Figure figure = two_lines();
  const std::vector<std::uint8_t> png = draw(figure, FigureFormat::png);
  const Image image = parse_png(png, "figure");
  CHECK(image.shape == Shape{200, 300, 3});
  const auto pixels_of = [&](int r, int g, int b) {
    long n = 0;
    for (std::size_t i = 0; i + 2 < image.pixels.size(); i += 3)
      n += std::abs(image.pixels[i] - r) + std::abs(image.pixels[i + 1] - g) + std::abs(image.pixels[i + 2] - b) < 30;
    return n;
  };
  CHECK(pixels_of(0x1f, 0x77, 0xb4) > 100);
  CHECK(pixels_of(0xff, 0x7f, 0x0e) > 100);
  CHECK(pixels_of(255, 255, 255) > 30000);
  CHECK(draw(figure, FigureFormat::png) == png);

  const std::vector<std::uint8_t> svg = draw(figure, FigureFormat::svg);
  for (const char* part : {"<svg", "</svg>", "width=\"300\"", "rgb( 31, 119, 180)", "rgb(255, 127,  14)", "with \\ in it"}) {
    CAPTURE(part);
    CHECK(as_text(svg).find(part) != std::string_view::npos);
  }
  CHECK(draw(figure, FigureFormat::svg) == svg);
}

TEST_CASE("a curve with a marker is points, and the key stands where it was put") {
  Figure figure = two_lines();
  figure.curves[1].marker = 7, figure.key = "outside bottom center";
  const std::vector<std::uint8_t> made = draw(figure, FigureFormat::svg);
  const std::string_view svg = as_text(made);
  const auto shapes = [&] {  // two points and the one of the key
    long n = 0;
    for (std::size_t at = 0; (at = svg.find("href='#gpPt6'", at)) != svg.npos; ++at)
      n += svg.substr(at, 100).find("255, 127,  14") != svg.npos;
    return n;
  };
  CHECK(shapes() == 3);
  CHECK(made != draw(two_lines(), FigureFormat::svg));
}

TEST_CASE("no file is left behind, and a missing gnuplot is said with its remedy") {
  const TempFolder folder;
  const TempVariable tmp("TMPDIR", folder.path().c_str());
  draw(two_lines(), FigureFormat::svg);
  CHECK(folder.names().empty());
  const TempVariable path("PATH", folder.path().c_str());
  CHECK(contains(message_of([] { draw(two_lines(), FigureFormat::svg); }),
                 {"gnuplot: cannot be run", "apt-get install gnuplot-nox"}));
  CHECK(folder.names().empty());
}

TEST_CASE("figures that cannot be drawn are refused") {
  Figure none = two_lines(), uneven = two_lines(), huge = two_lines();
  none.curves.clear();
  uneven.curves[1].y.pop_back();
  huge.width = 1000000;
  CHECK(contains(message_of([&] { gnuplot_script(none, FigureFormat::svg); }), {"no curves"}));
  CHECK(contains(message_of([&] { gnuplot_script(uneven, FigureFormat::svg); }), {"\"down\"", "2 x and 1 y"}));
  CHECK(contains(message_of([&] { gnuplot_script(huge, FigureFormat::png); }), {"1000000 x 200"}));
}

}  // namespace
}  // namespace six::test
