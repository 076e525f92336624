#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace six::study {

std::string escaped(std::string_view text);  // &, <, > and "

// One self-contained page, written from top to bottom, that is XML too. Names of elements and classes are the page's own.
class Html {
 public:
  explicit Html(const std::string& title);
  Html& open(const std::string& element, const std::string& css_class = "");
  Html& close(const std::string& element);
  Html& element(const std::string& name, std::string_view text, const std::string& css_class = "");  // the text is escaped
  Html& cell(const std::string& markup, const std::string& css_class = "");                          // of a table, not escaped
  Html& header(const std::vector<std::string>& names);  // of a table; empty names are left out
  Html& raw(const std::string& markup);
  std::size_t size() const { return text_.size(); }
  std::string page() const;  // finished

  static std::string css_name(std::string text);  // "NOT TESTED" -> "not-tested"

 private:
  std::string text_;
};

}  // namespace six::study
