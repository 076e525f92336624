#include "report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "../../data/file.h"
#include "../../data/json.h"
#include "figures.h"
#include "report_html.h"

namespace six::study {
namespace {

// Escaped, without line breaks between a number and what belongs to it.
std::string unbroken(const std::string& text) {
  std::string s = escaped(text);
  for (const std::string part : {" = ", " pp", " %", ", +", ", -"})
    for (std::size_t at = 0; (at = s.find(part, at)) != s.npos; at += part.size()) {
      std::string kept = part;
      for (std::size_t blank; (blank = kept.find(' ')) != kept.npos;) kept.replace(blank, 1, "&#160;");
      s.replace(at, part.size(), kept);
    }
  return s;
}

void put_claims(Html& h, const Findings& f) {
  h.open("section").element("h2", "Verdicts").open("div", "scroll").open("table", "claims");
  h.header({"claim", "verdict", "effect", "evidence"}).open("tbody");
  for (const Claim& c : f.claims) {
    h.open("tr");
    h.cell("<b>" + c.id + "</b> " + escaped(c.claim), "claim");
    h.cell("<span class=\"word w-" + Html::css_name(c.word) + "\">" + c.word + "</span> " + escaped(c.but), "verdict");
    h.cell(unbroken(c.effect), "effect").cell(unbroken(c.evidence), "evidence");
    h.close("tr");
  }
  h.close("tbody").close("table").close("div");
  h.element("p",
            "Differences are in percentage points of test accuracy, paired by seed, positive where ReLU6 is better, with 95 % "
            "t-intervals. D is the "
            "loss by quantisation of ReLU less that of ReLU6. SUPPORTED, REFUTED, EQUIVALENT, UNDECIDED by the rules registered "
            "before the first run; "
            "VOID: what the claim presupposes did not occur; NOT TESTED: no data, or too few seeds to decide anything.",
            "note");
  h.close("section");
}

std::string fixed(double v, int digits) {
  if (std::isnan(v)) return "";
  char text[40];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

void put_tests(Html& h, const Findings& f, bool primary) {
  h.open("div", "scroll").open("table", "numbers");
  h.header({"test", "what", "verdict", "n", "mean", "sd", "95 % t", "95 % BCa", "p sign-flip", primary ? "p Holm" : "",
            "90 % t (TOST)", "margin", "+ / = / -"})
      .open("tbody");
  for (const Test& t : f.tests) {
    if ((t.family == Family::primary) != primary) continue;
    const bool two = t.d.size() > 1;
    h.open("tr")
        .cell("<b>" + escaped(t.name) + "</b>")
        .cell(escaped(t.what), "text")
        .cell(t.verdict, "text")
        .cell(std::to_string(t.d.size()));
    h.cell(t.d.empty() ? "" : signed_pp(t.mean))
        .cell(fixed(t.sd, 3))
        .cell(two ? interval_text(t.t95) : "")
        .cell(two ? interval_text(t.bca) : "");
    h.cell(fixed(t.p_flip, 4));
    if (primary) h.cell(fixed(t.p_holm, 4));
    h.cell(two ? interval_text(t.t90) : "").cell(fixed(t.margin, 2));
    h.cell(std::to_string(t.wins) + " / " + std::to_string(t.ties) + " / " + std::to_string(t.losses)).close("tr");
  }
  h.close("tbody").close("table").close("div");
}

// H1 image by image: McNemar counts of each seed, and the interval over seeds and images.
void put_images(Html& h, const StudyData& d) {
  const auto labels = d.predictions("labels", "-");
  const BySeed seeds = d.accuracy(d.runs_of("main", "relu"));
  std::vector<std::vector<std::int8_t>> differences;
  std::string text;
  long b = 0, c = 0;
  for (const auto& [number, accuracy] : seeds) {
    const std::string seed = std::to_string(number);
    const auto relu = d.predictions("main/relu/" + seed, "fp32"), relu6 = d.predictions("main/relu6/" + seed, "fp32");
    if (labels.empty() || relu.size() != labels.size() || relu6.size() != labels.size()) continue;
    const Mcnemar m = mcnemar(relu, relu6, labels);
    text +=
        (text.empty() ? "" : ", ") + seed + ": " + std::to_string(m.b) + '/' + std::to_string(m.c) + " (p " + fixed(m.p, 2) + ')';
    b += m.b, c += m.c;
    differences.emplace_back(labels.size());
    for (std::size_t k = 0; k < labels.size(); ++k)
      differences.back()[k] = std::int8_t((relu6[k] == labels[k]) - (relu[k] == labels[k]));
  }
  if (differences.empty()) return;
  h.element(
      "p",
      "H1 image by image. Images that only ReLU, and that only ReLU6 classifies rightly (McNemar's b and c, exact p) by seed: " +
          text + ". Sums " + std::to_string(b) + " and " + std::to_string(c) +
          " (images repeat across seeds). Bootstrap over seeds and images, 95 %: " +
          interval_text(two_way_bootstrap(differences, 0.95)) + " pp.");
}

void put_statistics(Html& h, const StudyData& d, const Findings& f) {
  h.open("section").element("h2", "The primary tests");
  put_tests(h, f, true);
  h.element(
      "p",
      f.gap.defined
          ? "H4, secondary: calibrating plain ReLU at p99.99 closes " + fixed(f.gap.percent, 0) + " % [" +
                fixed(f.gap.interval.lo, 0) + ", " + fixed(f.gap.interval.hi, 0) + "] of the gap at 4 bits (bootstrap over " +
                std::to_string(f.gap.n) + " seeds)."
          : std::string(
                "H4, secondary: not reported, because the gap at 4 bits that calibration could close is not different from 0."));
  put_images(h, d);
  for (std::size_t i = 0; i < d.omitted.size(); ++i)
    h.element("p",
              "No integers, and so not in n: " + escaped(d.omitted.text(i, "run")) + ", " + escaped(d.omitted.text(i, "config")) +
                  ": " + escaped(d.omitted.text(i, "reason")) + '.',
              "note");
  h.open("details").element("summary", "Every difference, by seed").open("div", "scroll").open("table", "numbers").open("tbody");
  for (const Test& t : f.tests) {
    h.open("tr").cell("<b>" + escaped(t.name) + "</b>");
    for (std::size_t i = 0; i < t.d.size(); ++i) h.cell(signed_pp(t.d[i]));
    h.close("tr");
  }
  h.close("tbody").close("table").close("div").close("details");
  h.open("details").element("summary", "Exploratory tests (not registered as decisions, p not adjusted)");
  put_tests(h, f, false);
  h.close("details").close("section");
}

void put_figures(Html& h, const StudyData& d, const Findings& f) {
  h.open("section").element("h2", "Figures");
  for (const FigureOfReport& figure : figures_of(d, f)) {
    h.raw("<figure id=\"figure" + std::to_string(figure.number) + "\">");
    h.element("h3", std::to_string(figure.number) + ". " + figure.title);
    if (figure.panels.empty()) {
      h.element("p", "Not drawn: " + figure.missing + ".", "missing");
    } else {
      h.open("div", figure.number == 5 ? "panels small" : "panels");
      for (const std::string& panel : figure.panels) h.raw(panel);
      h.close("div").element("figcaption", figure.caption);
    }
    h.close("figure");
  }
  h.close("section");
}

void put_members(Html& h, const std::string& path, const nlohmann::json& value) {
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) put_members(h, path.empty() ? key : path + '.' + key, member);
    return;
  }
  h.open("tr")
      .cell(escaped(path))
      .cell("<code>" + escaped(value.is_string() ? value.get<std::string>() : value.dump()) + "</code>", "text")
      .close("tr");
}

void put_configuration(Html& h, const StudyData& d) {
  h.open("section").element("h2", "Configuration");
  if (d.manifest.empty()) h.element("p", "manifest.json is not there.", "missing");
  if (!d.manifest.empty()) {
    h.open("details").element("summary", "manifest.json").open("div", "scroll").open("table", "numbers").open("tbody");
    put_members(h, "", parse_json(d.manifest, "manifest.json"));
    h.close("tbody").close("table").close("div").close("details");
  }
  h.close("section");
}

constexpr std::size_t kPageBytes = 960000;  // what the page may have

// Fractions with six digits at most; the files have all of them.
std::string shortened(const Table& t) {
  Table copy(t.columns(), t.name());
  for (std::size_t i = 0; i < t.size(); ++i) {
    std::vector<Cell> row;
    for (const std::string& field : t.row(i)) {
      char* end = nullptr;
      const double v = std::strtod(field.c_str(), &end);
      char digits[32];
      std::snprintf(digits, sizeof digits, "%.6g", v);
      const bool fraction = *end == 0 && field.find('.') != field.npos;
      row.push_back(fraction ? std::string(digits) : field);
    }
    copy.add(row);
  }
  return copy.sorted().csv();
}

void put_raw(Html& h, const StudyData& d, const Table& stats) {
  h.open("section").element("h2", "Raw values").element("p", "Fractions have six digits here, all of them in the files.", "note");
  for (const Table* t : {&stats, &d.runs, &d.quant, &d.scale, &d.lr, &d.layers, &d.ties, &d.histograms, &d.trace}) {
    if (t->empty()) continue;
    const std::string csv = shortened(*t), name = t->name().substr(t->name().rfind('/') + 1);
    if (h.size() + csv.size() > kPageBytes)
      h.element("p", name + ": " + std::to_string(t->size()) + " rows, in the file beside this page.");
    else
      h.open("details").element("summary", name + ", " + std::to_string(t->size()) + " rows").element("pre", csv).close("details");
  }
  h.close("section");
}

std::string summary_of(const StudyData& d) {
  const Table pair = d.runs_of("main", "relu");
  std::string text = "Paired trainings on " + d.dataset() + ", " + std::to_string(pair.size()) + " seeds";
  if (!pair.empty())
    text += ": net " + pair.text(0, "net") + " with " + pair.text(0, "params") + " parameters, " + pair.text(0, "epochs") +
            (pair.text(0, "epochs") == "1" ? " epoch of " : " epochs of ") + pair.text(0, "train_images") + " images, " +
            pair.text(0, "steps") +
            " steps. Everything but the activation is the same in a pair: initial weights, order of images, schedule, kernels";
  return text + '.';
}

}  // namespace

std::vector<std::string> write_report(const std::string& directory) {
  const StudyData d = StudyData::read(directory);
  const Findings f = find(d);
  const Table stats = stats_table(f, d.dataset());
  Html h("ReLU6 against ReLU");
  h.element("h1", "ReLU6 against ReLU").element("p", summary_of(d), "lead").raw(markers());
  put_claims(h, f), put_statistics(h, d, f), put_figures(h, d, f), put_configuration(h, d), put_raw(h, d, stats);
  stats.write(directory + "/stats.csv");
  write_file_atomic(directory + "/report.html", h.page());
  std::vector<std::string> lines;
  for (const Claim& c : f.claims) lines.push_back(c.line());
  return lines;
}

}  // namespace six::study
