// From a panel to gnuplot's SVG, and from that to the page's.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "../../core/error.h"
#include "../../data/file.h"
#include "../../train/plot.h"
#include "figures.h"

namespace six::study {
namespace {

// What gnuplot is given, and what the page has in its place. The palette is Okabe and Ito's.
struct Ink {
  const char* rgb;
  int r, g, b;
  const char* css;
};
constexpr Ink kInks[] = {
    {"#0072b2", 0, 114, 178, "var(--c0)"},     {"#d55e00", 213, 94, 0, "var(--c1)"},      {"#009e73", 0, 158, 115, "var(--c2)"},
    {"#cc79a7", 204, 121, 167, "var(--c3)"},   {"#e69f00", 230, 159, 0, "var(--c4)"},     {"#56b4e9", 86, 180, 233, "var(--c5)"},
    {"#808080", 128, 128, 128, "var(--grey)"}, {"#e6e6e6", 230, 230, 230, "var(--grid)"}, {"#000000", 0, 0, 0, "currentColor"}};
constexpr const char* kGrid = "#e6e6e6";

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  std::string result;
  std::size_t at = 0, next;
  while ((next = text.find(from, at)) != text.npos) {
    result.append(text, at, next - at).append(to);
    at = next + from.size();
  }
  text = result.append(text, at);
}

std::string number(double v) { return Cell(v).text(); }

const char* dash_of(Stroke stroke) {
  return stroke == Stroke::dashed ? " dashtype 2" : stroke == Stroke::dotted ? " dashtype 3" : " dashtype 1";
}

bool drawn(const Series& s, std::size_t i, const Panel& p) {
  return std::isfinite(s.x[i]) && std::isfinite(s.y[i]) && (!p.x.log || s.x[i] > 0) && (!p.y.log || s.y[i] > 0);
}

std::string axis(const char* name, const Axis& a) {
  const auto end = [](double v) { return std::isfinite(v) ? number(v) : std::string("*"); };
  std::ostringstream s;
  s << "set " << name << "label " << gnuplot_quoted(a.title) << (*name == 'x' ? " offset 0,0.4" : "") << " noenhanced\nset " << name
    << "range [" << end(a.lo) << ':' << end(a.hi) << "]\n";
  if (a.log) s << "set logscale " << name << ' ' << number(a.log) << '\n';
  s << "set " << name << "tics nomirror out scale 0.5 noenhanced";
  for (std::size_t i = 0; i < a.ticks.size(); ++i)
    s << (i ? ", " : " (") << gnuplot_quoted(a.ticks[i].second) << ' ' << number(a.ticks[i].first);
  if (!a.ticks.empty()) s << ')';
  if (a.log == 10 && a.ticks.empty()) s << "\nset format " << name << " \"10^{%T}\"\nset " << name << "tics enhanced";
  s << '\n';
  return s.str();
}

std::string plots(const Panel& p) {
  std::ostringstream s;
  const char* before = "plot ";
  for (std::size_t i = 0; i < p.series.size(); ++i) {
    const Series& c = p.series[i];
    const std::string ink = std::string(" linecolor \"") + kInks[c.pen.color].rgb + '"', wide = " linewidth " + number(c.width),
                      block = "$s" + std::to_string(i);
    const std::string points = " pointtype " + std::to_string(c.pen.marker) + " pointsize " + number(c.point);
    const bool line = c.stroke != Stroke::none;
    if (!c.lo.empty()) {
      s << before << block << (c.across ? " using 1:2:3:4 with xerrorbars" : " using 1:2:3:4 with yerrorbars") << ink << wide
        << " pointtype 0 notitle";
      before = ", ";
    }
    s << before << block << " using 1:2 with "
      << (c.steps                ? "steps"
          : line && c.pen.marker ? "linespoints"
          : line                 ? "lines"
                                 : "points")
      << ink;
    if (line || c.steps) s << wide << dash_of(c.stroke);
    if (c.pen.marker) s << points;
    s << (c.title.empty() ? " notitle" : " title " + gnuplot_quoted(c.title));
    before = ", ";
  }
  s << '\n';
  return s.str();
}

// The key below takes a line for each title beyond the second.
int height_of(const Panel& p) {
  const auto titled = std::count_if(p.series.begin(), p.series.end(), [](const Series& s) { return !s.title.empty(); });
  return p.height + (p.key == "off" ? 0 : 18 * std::max(0, int(titled) - 2));
}

std::string script(const Panel& p) {
  std::ostringstream s;
  s << "set encoding utf8\nset terminal svg enhanced size " << p.width << ',' << height_of(p) << " font \"sans-serif,13\"\n"
    << "set bars 0.5\nset border 3 linecolor \"#000000\"\nset grid linetype 1 linecolor \"" << kGrid << "\"\n"
    << "set key " << p.key << " Left reverse samplen 2 spacing 1 height 0.6 noenhanced\nset title " << gnuplot_quoted(p.title)
    << " noenhanced\n"
    << axis("x", p.x) << axis("y", p.y);
  if (p.band > 0)
    s << "set object 1 rectangle from first " << -p.band << ", graph 0 to first " << p.band
      << ", graph 1 behind fillcolor \"#808080\" fillstyle transparent solid 0.2 noborder\n";
  const auto rules = [&](const std::vector<Rule>& list, const char* first, const char* second, bool upright) {
    for (const Rule& r : list) {
      const std::string at = number(r.at);
      s << "set arrow from " << first << at << second << " nohead linecolor \"#808080\" linewidth 1.2" << dash_of(r.stroke) << '\n';
      if (r.title.empty()) continue;
      if (upright)
        s << "set label " << gnuplot_quoted(r.title) << " at first " << at
          << ", graph 0.97 right rotate by 90 offset -0.6,0 noenhanced\n";
      else
        s << "set label " << gnuplot_quoted(r.title) << " at graph 0.98, first " << at << " right offset 0,0.5 noenhanced\n";
    }
  };
  for (const Rule& r : p.at_x) {
    const std::string at = number(r.at);
    rules({r}, "first ", (", graph 0 to first " + at + ", graph 1").c_str(), true);
  }
  for (const Rule& r : p.at_y) {
    const std::string at = number(r.at);
    rules({r}, "graph 0, first ", (" to graph 1, first " + at).c_str(), false);
  }
  for (std::size_t i = 0; i < p.series.size(); ++i) {
    const Series& c = p.series[i];
    require(c.x.size() == c.y.size() && c.lo.size() == c.hi.size() && (c.lo.empty() || c.lo.size() == c.x.size()), "panel ",
            p.title, ": series ", c.title, " has ", c.x.size(), " x, ", c.y.size(), " y and ", c.lo.size(), " intervals");
    s << "$s" << i << " << EOD\n";
    for (std::size_t j = 0; j < c.x.size(); ++j) {
      if (!drawn(c, j, p)) continue;
      s << number(c.x[j]) << ' ' << number(c.y[j]);
      const double here = c.across ? c.x[j] : c.y[j];
      if (!c.lo.empty())
        s << ' ' << number(std::isfinite(c.lo[j]) ? c.lo[j] : here) << ' ' << number(std::isfinite(c.hi[j]) ? c.hi[j] : here);
      s << '\n';
    }
    s << "EOD\n";
  }
  s << plots(p);
  return s.str();
}

}  // namespace

std::string themed(std::string svg, const std::string& title) {
  const std::size_t box = svg.find("viewBox="), box_end = svg.find('"', box + 9), body = svg.find("</defs>"),
                    end = svg.rfind("</g>");
  require(body != svg.npos && end != svg.npos && body < end && box < body, "figure ", printable(title), ": gnuplot made no SVG");
  const std::string view = svg.substr(box, box_end + 1 - box);
  svg = svg.substr(body + 7, end - body - 7);
  for (const Ink& ink : kInks) {
    char padded[32], plain[32];
    std::snprintf(padded, sizeof padded, "rgb(%3d, %3d, %3d)", ink.r, ink.g, ink.b);
    std::snprintf(plain, sizeof plain, "rgb(%d,%d,%d)", ink.r, ink.g, ink.b);
    replace_all(svg, padded, ink.css), replace_all(svg, plain, ink.css);
  }
  for (const auto& [from, to] : {std::pair(" font-family=\"sans-serif\"", ""),
                                 {" font-family=\"sans\"", ""},
                                 {"fill=\"black\"", "fill=\"currentColor\""},
                                 {" color=\"black\"", ""},
                                 {" color=\"gray\"", ""},
                                 {" color=\"white\"", ""},

                                 {"stroke=\"black\"", "stroke=\"currentColor\""},
                                 {"stroke='black'", "stroke='currentColor'"},
                                 {" stroke-linecap=\"butt\" stroke-linejoin=\"miter\"", ""},
                                 {"<g fill=\"none\"", "<g"},
                                 {" stroke=\"currentColor\" stroke-width=\"1.00\"", ""},
                                 {" font-size=\"13.00\" ", ""},
                                 {"xlink:href='#gpPt", "href='#p"},
                                 {"xlink:href='#gpDot'", "href='#pd'"},
                                 {" class=\"gridline\" ", ""},
                                 {"<tspan >", "<tspan>"},
                                 {"\t", ""},
                                 {"  ", " "}})
    replace_all(svg, from, to);
  // Groups that hold nothing.
  std::istringstream lines(svg);
  std::string kept = "<svg " + view + " role='img' fill='none' stroke='currentColor'><title>" + title + "</title>\n", line, open;
  while (std::getline(lines, line)) {
    const bool opens = line.rfind("<g", 0) == 0 && line.find("</g>") == line.npos && line.find("><") == line.npos;
    if (line.find("color='white'") != line.npos) continue;  // a hole under a point
    if (line == "</g>" && !open.empty()) {
      open.clear();
      continue;
    }
    if (!open.empty()) kept += open + '\n', open.clear();
    if (opens)
      open = line;
    else if (line.find_first_not_of(' ') != line.npos)
      kept += line + '\n';
  }
  return kept + "</svg>\n";
}

std::string svg(const Panel& panel) {
  bool any = false;
  for (const Series& s : panel.series)
    for (std::size_t i = 0; i < s.x.size(); ++i) any = any || drawn(s, i, panel);
  if (!any) return "";
  const std::vector<std::uint8_t> made = run_gnuplot(script(panel));
  return themed(std::string(as_text(made)), panel.title);
}

std::string markers() {
  return R"(<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>
<circle id="pd" r=".5" fill="currentColor" stroke="none"/>
<g id="p0" stroke="currentColor" stroke-width=".2"><path d="M-1,0 h2 M0,-1 v2"/></g>
<g id="p6" fill="currentColor" stroke="none"><circle r="1"/></g>
<g id="p5" fill="none" stroke="currentColor" stroke-width=".3"><circle r="1"/></g>
<g id="p8" fill="currentColor" stroke="none"><path d="M0,-1.33 L-1.33,.67 L1.33,.67 z"/></g>
<g id="p7" fill="none" stroke="currentColor" stroke-width=".3"><path d="M0,-1.33 L-1.33,.67 L1.33,.67 z"/></g>
<g id="p4" fill="currentColor" stroke="none"><rect x="-1" y="-1" width="2" height="2"/></g>
<g id="p3" fill="none" stroke="currentColor" stroke-width=".3"><rect x="-1" y="-1" width="2" height="2"/></g>
<g id="p12" fill="currentColor" stroke="none"><path d="M0,-1.4 L1.4,0 L0,1.4 L-1.4,0 z"/></g>
<g id="p10" fill="currentColor" stroke="none"><path d="M0,1.33 L-1.33,-.67 L1.33,-.67 z"/></g>
<g id="p14" fill="currentColor" stroke="none"><path d="M0,1.33 L1.265,.411 L.782,-1.067 L-.782,-1.076 L-1.265,.411 z"/></g>
</defs></svg>
)";
}

}  // namespace six::study
