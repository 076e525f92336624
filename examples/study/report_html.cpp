#include "report_html.h"

#include <cctype>

namespace six::study {
namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --panel: #f6f8fa; --grid: #e6e6e6; --grey: #808080;
  --c0: #0072b2; --c1: #d55e00; --c2: #00795a; --c3: #a8477f; --c4: #9a6a00; --c5: #2a7fae; --good: #00693e; --bad: #b3261e; --even: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --ink: #e6e6e6; --soft: #a3adb8; --line: #39424c; --panel: #1c2126; --grid: #333b43; --grey: #9a9a9a;
  --c0: #56b4e9; --c1: #ff8c42; --c2: #2fc796; --c3: #e39ac6; --c4: #e6b84c; --c5: #9bd3f5; --good: #5fd3a0; --bad: #ff8f85; --even: #7ab8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 1.2rem 1rem 3rem; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.8rem; margin: .4rem 0; } h2 { font-size: 1.35rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); } h3 { font-size: 1.05rem; margin: 0 0 .4rem; }
.lead { color: var(--soft); max-width: 46rem; } .note, figcaption { color: var(--soft); font-size: .88rem; max-width: 56rem; }
.missing { color: var(--soft); font-style: italic; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; } th { text-align: left; color: var(--soft); font-weight: 600; }
th, td { padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.numbers { font-size: .82rem; font-variant-numeric: tabular-nums; width: auto; } .numbers td, .numbers th { white-space: nowrap; padding-right: .9rem; } .numbers td.text { white-space: normal; min-width: 9rem; overflow-wrap: anywhere; }
.claims td.claim { width: 22%; } .claims td.verdict { width: 17%; } .claims td.effect { width: 26%; }
.word { display: inline-block; font-weight: 700; font-size: .82rem; letter-spacing: .02em; border: 1.5px solid currentColor; border-radius: .3rem; padding: 0 .4rem; white-space: nowrap; }
.w-supported { color: var(--good); } .w-refuted { color: var(--bad); } .w-equivalent { color: var(--even); } .w-undecided, .w-void, .w-not-tested { color: var(--soft); border-style: dashed; }
figure { margin: 1.2rem 0 2rem; padding: .9rem; background: var(--panel); border-radius: .5rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: .6rem; } .panels.small { grid-template-columns: repeat(auto-fit, minmax(min(100%, 250px), 1fr)); }
.panels svg { width: 100%; height: auto; max-width: 560px; --ground: var(--panel); font: 13px system-ui, sans-serif; }
details { margin: .5rem 0; } summary { cursor: pointer; font-weight: 600; padding: .3rem 0; }
pre { overflow: auto; max-height: 24rem; font-size: .75rem; background: var(--panel); padding: .7rem; border-radius: .4rem; } code { font-size: .95em; }
@media (max-width: 640px) { body { padding: .8rem .7rem 2rem; } figure { padding: .6rem .5rem; }
  .claims, .claims tbody, .claims tr, .claims td { display: block; width: auto !important; } .claims thead { display: none; } .claims tr { border-bottom: 1px solid var(--line); padding: .6rem 0; } .claims td { border: 0; padding: .1rem 0; }
  .claims td.evidence { color: var(--soft); font-size: .85rem; } }
@media print { :root { --ground: #fff; --ink: #000; --panel: #fff; --soft: #444; --line: #bbb; --grid: #ddd; --grey: #777; --c0: #0072b2; --c1: #d55e00; --c2: #00795a; --c3: #a8477f; --c4: #9a6a00; --c5: #2a7fae; --good: #00693e; --bad: #b3261e; --even: #0b5cad; }
  body { max-width: none; font-size: 10pt; } figure, tr { break-inside: avoid; } figure { border: 1px solid #bbb; } details:not([open]) { display: none; } .panels { grid-template-columns: 1fr 1fr; } .panels.small { grid-template-columns: 1fr 1fr 1fr; } .scroll { overflow: visible; } .numbers { font-size: 7pt; } }
)";

std::string tag(const std::string& element, const std::string& css_class) {
  return '<' + element + (css_class.empty() ? "" : " class=\"" + css_class + '"') + '>';
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string s;
  for (char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '&')
      s += "&amp;";
    else if (c == '<')
      s += "&lt;";
    else if (c == '>')
      s += "&gt;";
    else if (c == '"')
      s += "&quot;";
    else if (u >= 32 || c == '\n' || c == '\t')  // XML has no other control characters
      s += c;
  }
  return s;
}

Html::Html(const std::string& title) {
  text_ =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"/>\n<title>" +
      escaped(title) + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n";
}

Html& Html::open(const std::string& element, const std::string& css_class) { return raw(tag(element, css_class)); }
Html& Html::close(const std::string& element) { return raw("</" + element + '>'); }
Html& Html::element(const std::string& name, std::string_view text, const std::string& css_class) {
  return raw(tag(name, css_class) + escaped(text) + "</" + name + '>');
}
Html& Html::cell(const std::string& markup, const std::string& css_class) { return raw(tag("td", css_class) + markup + "</td>"); }
Html& Html::header(const std::vector<std::string>& names) {
  open("thead").open("tr");
  for (const std::string& n : names)
    if (!n.empty()) element("th", n);
  return close("tr").close("thead");
}
Html& Html::raw(const std::string& markup) {
  text_ += markup + '\n';
  return *this;
}
std::string Html::page() const { return text_ + "</body>\n</html>\n"; }

std::string Html::css_name(std::string text) {
  for (char& c : text) c = c == ' ' ? '-' : char(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace six::study
