#include "table.h"

#include <algorithm>
#include <optional>

#include "../../core/error.h"
#include "../../data/file.h"

namespace six::study {
namespace {

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (std::size_t end; (end = text.find(at)) != text.npos; text.remove_prefix(end + 1)) parts.emplace_back(text.substr(0, end));
  parts.emplace_back(text);
  return parts;
}

std::optional<double> parsed(const std::string& field) {
  double value;
  const char* end = field.data() + field.size();
  const auto [at, error] = std::from_chars(field.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

bool before(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    const std::optional<double> x = parsed(a[i]), y = parsed(b[i]);
    const bool is_x = x && *x == *x, is_y = y && *y == *y;  // a NaN is a text
    if (is_x != is_y) return is_x;
    if (is_x && *x != *y) return *x < *y;
    return a[i] < b[i];
  }
  return false;
}

std::string joined(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& f : fields) line += (line.empty() && &f == &fields.front() ? "" : ",") + f;
  return line;
}

}  // namespace

Table::Table(std::vector<std::string> columns, std::string name) : columns_(std::move(columns)), name_(std::move(name)) {}

Table Table::parse(std::string_view csv, const std::string& name, const std::vector<std::string>& required) {
  require(!csv.empty() && csv.back() == '\n', name, ": ", csv.empty() ? "is empty" : "the last line is cut");
  std::vector<std::string> lines = split(csv.substr(0, csv.size() - 1), '\n');
  Table t(split(lines[0], ','), name);
  for (const std::string& r : required) t.column(r);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    t.rows_.push_back(split(lines[i], ','));
    require(t.rows_.back().size() == t.columns_.size(), name, ": line ", i + 1, " has ", t.rows_.back().size(),
            " fields, the header ", t.columns_.size());
  }
  return t;
}

Table Table::read(const std::string& path, const std::vector<std::string>& required) {
  return parse(read_text(path, std::size_t(256) << 20), path, required);
}

std::size_t Table::column(std::string_view name) const {
  const auto at = std::find(columns_.begin(), columns_.end(), name);
  require(at != columns_.end(), name_, ": no column ", printable(name), ", it has ", joined(columns_));
  return std::size_t(at - columns_.begin());
}

void Table::add(const std::vector<Cell>& row) {
  require(row.size() == columns_.size(), name_, ": a row of ", row.size(), " fields, there are ", columns_.size(), " columns");
  std::vector<std::string> fields;
  for (const Cell& cell : row) {
    require(cell.text().find_first_of(",\"\r\n") == std::string::npos, name_,
            ": a field must not hold commas, quotation marks or ends of lines, got ", printable(cell.text()));
    fields.push_back(cell.text());
  }
  rows_.push_back(std::move(fields));
}

void Table::append(const Table& other) {
  require(other.columns_ == columns_, other.name_, ": the columns are ", joined(other.columns_), ", must be ", joined(columns_));
  rows_.insert(rows_.end(), other.rows_.begin(), other.rows_.end());
}

double Table::number(std::size_t row, std::string_view column) const {
  const std::string& field = text(row, column);
  const std::optional<double> value = parsed(field);
  require(value.has_value(), name_, ": line ", row + 2, ", column ", column, ": must be a number, got ", printable(field));
  return *value;
}

Table Table::where(const std::vector<std::pair<std::string, std::string>>& equals) const {
  std::vector<std::size_t> at;
  at.reserve(equals.size());
  for (const auto& [name, value] : equals) at.push_back(column(name));
  Table t(columns_, name_);
  for (const auto& row : rows_) {
    bool all = true;
    for (std::size_t i = 0; i < at.size(); ++i) all = all && row[at[i]] == equals[i].second;
    if (all) t.rows_.push_back(row);
  }
  return t;
}

std::vector<double> Table::numbers(std::string_view column) const {
  std::vector<double> values;
  for (std::size_t i = 0; i < rows_.size(); ++i) values.push_back(number(i, column));
  return values;
}

Table Table::sorted() const {
  Table t = *this;
  std::stable_sort(t.rows_.begin(), t.rows_.end(), before);
  return t;
}

std::string Table::csv() const {
  std::string text = joined(columns_) + '\n';
  for (const auto& row : rows_) text += joined(row) + '\n';
  return text;
}

void Table::write(const std::string& path) const { write_file_atomic(path, sorted().csv()); }

}  // namespace six::study
