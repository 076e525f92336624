// ReLU6 and its derivative: the figure, as SVG and PNG, and the table of points where implementations differ.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>

#include "../core/ops/activation.h"
#include "../data/file.h"
#include "../train/environment.h"
#include "../train/plot.h"
#include "command_line.h"

namespace {

constexpr six::AtKink kKinks[] = {{0, 0}, {six::real(0.5), six::real(0.5)}, {1, 1}, {0, 1}};

struct Point {
  const char* name;
  six::real x;
};

std::vector<Point> special_points() {
  using six::real;
  using Limits = std::numeric_limits<real>;
  const real below = std::nextafter(real(6), real(0)), above = std::nextafter(real(6), real(7));
  return {{"-inf", -Limits::infinity()},
          {"-1", -1},
          {"-den", -Limits::denorm_min()},
          {"-0", real(-0.0)},
          {"+0", 0},
          {"+den", Limits::denorm_min()},
          {"3", 3},
          {"6-", below},
          {"6", 6},
          {"6+", above},
          {"7", 7},
          {"+inf", Limits::infinity()},
          {"NaN", Limits::quiet_NaN()}};
}

std::string bits(six::real x) {
  using Bits = std::conditional_t<sizeof x == 4, std::uint32_t, std::uint64_t>;
  Bits b;
  std::memcpy(&b, &x, sizeof x);
  char text[20];
  std::snprintf(text, sizeof text, "%0*llX", int(2 * sizeof x), static_cast<unsigned long long>(b));
  return text;
}

void print_table() {
  const std::vector<Point> points = special_points();
  std::vector<six::real> x;
  x.reserve(points.size());
  for (const Point& p : points) x.push_back(p.x);
  std::vector<six::Samples> by_kink;
  for (const six::AtKink& k : kKinks) by_kink.push_back(six::sample([&](six::Var v) { return six::relu6(v, k); }, x));

  std::printf("%32s derivative with at_kink\n%-5s %-16s %-13s %-8s %6s %6s %6s %6s\n", "", "x", "bits of x", "relu6(x)", "bits",
              "0", "0.5", "1", "[0,1]");
  for (std::size_t i = 0; i < x.size(); ++i) {
    const six::real y = six::real(by_kink[0].y[i]);
    std::printf("%-5s %-16s %-13.8g %-8s", points[i].name, bits(x[i]).c_str(), double(y), bits(y).c_str());
    for (const six::Samples& s : by_kink) std::printf(" %6g", s.derivative[i]);
    std::printf("\n");
  }
}

void write_figure(const std::string& folder) {
  const six::Samples s = six::sample([](six::Var v) { return six::relu6(v); }, -2, 8, 1000);
  const six::Figure figure{.title = "ReLU6 and Derivative",
                           .curves = {{"ReLU6", s.x, s.y, "#1f77b4"}, {"Derivative", s.x, s.derivative, "#ff7f0e"}}};
  const auto svg = six::draw(figure, six::FigureFormat::svg), png = six::draw(figure, six::FigureFormat::png);
  six::make_folder(folder);
  six::write_file_atomic(folder + "/relu6.svg", six::as_text(svg));
  six::write_file_atomic(folder + "/relu6.png", six::as_text(png));
  std::printf("%s: relu6.svg, relu6.png\n", folder.c_str());
}

int run(int argc, char** argv) {
  CLI::App app(
      "Prints the table of ReLU6's special points and draws ReLU6 and its derivative on [-2, 8] as relu6.svg and relu6.png.");
  std::string folder = ".";
  app.add_option("--out", folder, "Folder for the figure, created if missing")->option_text("DIR")->capture_default_str();
  if (const auto code = six::parse_arguments(app, argc, argv)) return *code;
  print_table();
  write_figure(folder);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return six::run_program("relu6_plot", [&] { return run(argc, argv); });
}
