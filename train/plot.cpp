#include "plot.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>

#include "../core/ops/arithmetic.h"
#include "../data/download.h"
#include "../data/file.h"

namespace six {
namespace {

constexpr std::size_t kMaxFigure = std::size_t(64) << 20;
constexpr int kSeconds = 60;

void check_figure(const Figure& figure) {
  require(!figure.curves.empty(), "figure: there are no curves, at least 1 is needed");
  require(figure.width >= 100 && figure.width <= 10000 && figure.height >= 100 && figure.height <= 10000, "figure: ", figure.width,
          " x ", figure.height, " pixels, each side must be 100 to 10000");
  for (const Curve& c : figure.curves)
    require(c.x.size() == c.y.size() && !c.x.empty(), "figure: curve ", printable(c.title), " has ", c.x.size(), " x and ",
            c.y.size(), " y");
}

// "[lo:hi]" around all finite numbers and the origin, with a margin of a twentieth at each end.
std::string range(const Figure& figure, std::vector<double> Curve::*axis) {
  double lo = 0, hi = 0;
  for (const Curve& c : figure.curves)
    for (double v : c.*axis)
      if (std::isfinite(v)) lo = std::min(lo, v), hi = std::max(hi, v);
  if (lo == hi) lo = -1, hi = 1;
  const double margin = (hi - lo) / 20;
  std::ostringstream s;
  s.precision(12);
  s << '[' << lo - margin << ':' << hi + margin << ']';
  return s.str();
}

// A file of this process alone, for as long as it lives.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content) {
    static std::atomic<int> count{0};
    path_ = std::filesystem::temp_directory_path() / ("sixgrad-" + std::to_string(::getpid()) + '-' + std::to_string(count++));
    write_file_atomic(path_, content);
  }
  ~TemporaryFile() { file_calls().remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

std::string gnuplot_quoted(const std::string& text) {
  std::string q = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') q += '\\';
    q += c == '\n' ? ' ' : c;
  }
  return q + '"';
}

std::string gnuplot_script(const Figure& figure, FigureFormat format) {
  check_figure(figure);
  std::ostringstream s;
  s.precision(12);
  s << "set encoding utf8\n"
    << "set terminal " << (format == FigureFormat::svg ? "svg" : "pngcairo") << " enhanced size " << figure.width << ','
    << figure.height << " font \"sans," << figure.font << "\" background \"#ffffff\"\n"
    << "set title " << gnuplot_quoted(figure.title) << " noenhanced font \"sans," << figure.font * 4 / 3 << "\"\n"
    << "unset border\nset zeroaxis linetype -1 linewidth 1.5\nset grid linetype 1 linecolor \"#e6e6e6\"\n"
    << "set format \"%g\"\nset xtics axis nomirror out\nset ytics axis nomirror out\nset ytics add (\"\" 0)\n"  // one 0 is enough
    << "set key " << figure.key << " Left reverse samplen 3 noenhanced\n"
    << "set xrange " << range(figure, &Curve::x) << "\nset yrange " << range(figure, &Curve::y) << '\n';
  for (std::size_t i = 0; i < figure.curves.size(); ++i) {
    const Curve& c = figure.curves[i];
    s << "$curve" << i << " << EOD\n";
    for (std::size_t j = 0; j < c.x.size(); ++j) s << c.x[j] << ' ' << c.y[j] << '\n';
    s << "EOD\n";
  }
  for (std::size_t i = 0; i < figure.curves.size(); ++i) {
    const Curve& c = figure.curves[i];
    s << (i ? ", " : "plot ") << "$curve" << i << " using 1:2 with ";
    if (c.marker)
      s << "points pointsize 1.2 pointtype " << c.marker;
    else
      s << "lines linewidth 3 dashtype " << (c.dashed ? 2 : 1);
    s << " linecolor " << gnuplot_quoted(c.color) << " title " << gnuplot_quoted(c.title);
  }
  s << '\n';
  return s.str();
}

std::vector<std::uint8_t> run_gnuplot(const std::string& script) {
  const TemporaryFile file(script);
  const std::string remedy = "; figures are drawn by gnuplot (Debian and Ubuntu: apt-get install gnuplot-nox)";
  try {
    return program_output({"gnuplot", file.path()}, kMaxFigure, kSeconds);
  } catch (const Error& e) {
    fail(e.what(), remedy);
  }
}

std::vector<std::uint8_t> draw(const Figure& figure, FigureFormat format) { return run_gnuplot(gnuplot_script(figure, format)); }

Samples sample(const std::function<Var(Var)>& f, const std::vector<real>& x) {
  Tape tape({.threads = 1});
  const Var in = tape.input(x.data(), {1, long(x.size())}, true);
  const Var y = f(in);
  require(y.shape() == in.shape(), "sample: the function made ", y.shape(), " of ", in.shape(), ", must keep the shape");
  const std::vector<real> values = y.values();
  tape.backward(sum(y));
  const std::vector<real> slopes = in.grad();
  return {{x.begin(), x.end()}, {values.begin(), values.end()}, {slopes.begin(), slopes.end()}};
}

Samples sample(const std::function<Var(Var)>& f, double lo, double hi, int n) {
  require(n >= 2, "sample: ", n, " points, at least 2 are needed");
  std::vector<real> x(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) x[std::size_t(i)] = real(lo + (hi - lo) * i / (n - 1));
  return sample(f, x);
}

}  // namespace six
