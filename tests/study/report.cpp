#include "../../examples/study/report.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "../../examples/study/figures.h"
#include "../data/support.h"
#include "synthetic.h"

namespace six::study {
namespace {

bool contains(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::all_of(parts.begin(), parts.end(), [&](auto part) { return text.find(part) != text.npos; });
}

void require_gnuplot() {
  REQUIRE_MESSAGE(std::system("gnuplot --version > /dev/null 2>&1") == 0, "gnuplot is not installed, scripts/test.sh installs it");
}

// Whether every element is closed where it must be: the page is XML, too.
std::string unbalanced(std::string_view page) {
  std::vector<std::string> open;
  for (std::size_t at = 0; (at = page.find('<', at)) != page.npos;) {
    const std::size_t end = page.find('>', at);
    if (end == page.npos) return "an element without end";
    const std::string inside(page.substr(at + 1, end - at - 1));
    at = end;
    if (inside.empty() || inside[0] == '!' || inside.back() == '/') continue;
    const std::string name = inside.substr(inside[0] == '/', inside.find_first_of(" \n") - (inside[0] == '/'));
    if (inside[0] != '/') {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back() + " is not closed";
}

std::string figure_of(const std::string& page, int number) {
  const std::size_t at = page.find("<figure id=\"figure" + std::to_string(number) + "\">");
  REQUIRE(at != page.npos);
  return page.substr(at, page.find("</figure>", at) - at);
}

// What draws data, as against axes: elements inside of gnuplot's plots.
long data_elements(const std::string& svg) {
  long n = 0;
  for (std::size_t at = svg.find("_plot_"); at != svg.npos && (at = svg.find('<', at)) != svg.npos; ++at)
    n += svg.compare(at, 5, "<path") == 0 || svg.compare(at, 4, "<use") == 0 || svg.compare(at, 8, "<polygon") == 0;
  return n;
}

TEST_CASE("the report of a full study: every figure has data, nothing from outside, the same bytes again") {
  require_gnuplot();
  const test::TempFolder folder;
  write(synthetic({.delta = -0.05, .d4 = 1, .cut = 0.03, .cut_no_bn = 0.05, .scale_no_bn = 3, .kinks_matter = true}),
        folder.path());
  const std::vector<std::string> lines = write_report(folder.path());
  REQUIRE(lines.size() == 7);
  CHECK(contains(lines[0], {"C1 SUPPORTED"}));
  const std::string page = test::take(folder / "report.html"), stats = test::take(folder / "stats.csv");
  CHECK(unbalanced(page) == "");
  CHECK(page.size() < 1000000);
  for (const char* foreign : {"<script", "http", "<link", "<img", "@import", "url(", "xlink"})
    CHECK(page.find(foreign) == page.npos);
  for (int number = 1; number <= 9; ++number) {
    INFO("figure ", number);
    const std::string figure = figure_of(page, number);
    CHECK(data_elements(figure) >= 3);
    CHECK(contains(figure, {"<svg viewBox=", "<title>", "<text>", "<figcaption>"}));
    CHECK_FALSE(contains(figure, {"Not drawn"}));
    CHECK(figure.find("rgb(") == figure.npos);  // every colour is the page's
  }
  CHECK(page.find("C1") < page.find("H1"));
  for (const char* part : {"H4, secondary", "McNemar", "manifest.json", "runs.csv, ", "quant.csv, "}) CHECK(contains(page, {part}));
  write_report(folder.path());
  CHECK(test::take(folder / "report.html") == page);
  CHECK(test::take(folder / "stats.csv") == stats);
}

TEST_CASE("where data of a figure are missing the report says so in its place") {
  require_gnuplot();
  const test::TempFolder folder;
  StudyData d = synthetic({.seeds = 1, .sub_studies = false});
  for (Table* t : {&d.quant, &d.layers, &d.trace, &d.scale, &d.preds}) *t = Table(t->columns(), t->name());
  write(d, folder.path());
  for (const std::string& line : write_report(folder.path())) CHECK(contains(line, {"NOT TESTED"}));
  const std::string page = test::take(folder / "report.html");
  CHECK(unbalanced(page) == "");
  for (int number : {3, 4, 5, 6, 7, 8}) CHECK(contains(figure_of(page, number), {"Not drawn"}));
  CHECK(data_elements(figure_of(page, 2)) >= 1);
}

TEST_CASE("a folder without runs, a damaged table") {
  const test::TempFolder folder;
  CHECK(contains(test::message_of([&] { write_report(folder.path()); }), {"runs.csv"}));
  test::put(folder / "runs.csv", "run,arm\n");
  CHECK(contains(test::message_of([&] { write_report(folder.path()); }), {"no column \"dataset\""}));
  CHECK(folder.names() == std::vector<std::string>{"runs.csv"});
}

TEST_CASE("a panel without a finite point is none") {
  CHECK(svg({.title = "empty", .x = {}, .y = {}, .series = {{"", {}, {std::nan(""), 1}, {1, INFINITY}}}}) == "");
}

}  // namespace
}  // namespace six::study
