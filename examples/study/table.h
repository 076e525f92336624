#pragma once
#include <charconv>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace six::study {

// The text of one field: a number in the fewest digits that read back the same (a float as a float), "nan", "inf" or "-inf"; a bool
// is 0 or 1.
class Cell {
 public:
  Cell(std::string text) : text_(std::move(text)) {}
  Cell(std::string_view text) : text_(text) {}
  Cell(const char* text) : text_(text) {}
  template <class N>
  requires std::is_arithmetic_v<N> Cell(N value) {
    char digits[32];
    if constexpr (std::is_same_v<N, bool>)
      text_ = value ? "1" : "0";
    else
      text_.assign(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// A CSV file: a header line of column names, rows of as many fields, no quotation marks. Errors name the file.
class Table {
 public:
  explicit Table(std::vector<std::string> columns, std::string name = "table");
  // Throws unless each line has as many fields as the header and the header holds the `required` names.
  static Table parse(std::string_view csv, const std::string& name, const std::vector<std::string>& required = {});
  static Table read(const std::string& path, const std::vector<std::string>& required = {});

  const std::vector<std::string>& columns() const { return columns_; }
  const std::string& name() const { return name_; }
  std::size_t size() const { return rows_.size(); }
  bool empty() const { return rows_.empty(); }
  std::size_t column(std::string_view name) const;  // its number; throws if there is none

  // Throws if there are more or fewer fields than columns or one holds a comma, a quotation mark or the end of a line.
  void add(const std::vector<Cell>& row);
  void append(const Table& other);  // of the same columns

  const std::vector<std::string>& row(std::size_t i) const { return rows_[i]; }
  const std::string& text(std::size_t row, std::string_view column) const { return rows_[row][this->column(column)]; }
  // Throws, naming file, line and column, unless the field is a number (or nan, inf, -inf).
  double number(std::size_t row, std::string_view column) const;
  // The rows whose fields equal all the given texts, in order.
  Table where(const std::vector<std::pair<std::string, std::string>>& equals) const;
  // A column of numbers.
  std::vector<double> numbers(std::string_view column) const;

  // The rows ordered by their fields from left to right: numbers by value and before texts, texts by bytes.
  Table sorted() const;
  std::string csv() const;
  void write(const std::string& path) const;  // sorted; in place of what was there, whole or not at all

 private:
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::string name_;
};

}  // namespace six::study
