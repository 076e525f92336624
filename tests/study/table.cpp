#include "../../examples/study/table.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "../data/support.h"

namespace six::study {
namespace {

TEST_CASE("numbers are written in the fewest digits that read back the same") {
  const double third = 1.0 / 3, tiny = std::numeric_limits<double>::denorm_min();
  Table t({"a", "b"});
  t.add({third, 0.1f}), t.add({tiny, -0.0}), t.add({1e300, 16}), t.add({INFINITY, std::uint64_t(18446744073709551615u)});
  CHECK(t.row(0)[1] == "0.1");
  CHECK(t.row(3)[1] == "18446744073709551615");
  const Table back = Table::parse(t.csv(), "t.csv");
  CHECK(back.numbers("a") == std::vector<double>{third, tiny, 1e300, INFINITY});
  CHECK(std::signbit(back.number(1, "b")));
}

TEST_CASE("rows are ordered by value where fields are numbers, whatever the order of adding") {
  Table t({"run", "k"});
  for (const char* run : {"b", "a"})
    for (double k : {16., 4., 0.25, 1.}) t.add({run, k});
  t.add({"a", "nan"}), t.add({7, 1}), t.add({10, 1});
  CHECK(t.sorted().csv() == "run,k\n7,1\n10,1\na,0.25\na,1\na,4\na,16\na,nan\nb,0.25\nb,1\nb,4\nb,16\n");
}

TEST_CASE("a table is written and read back, and rows are found by their fields") {
  const test::TempFolder folder;
  Table t({"run", "arm", "acc"});
  t.add({"2", "relu", 0.5}), t.add({"1", "relu", 0.25}), t.add({"1", "relu6", 0.75});
  t.write(folder / "runs.csv");
  const Table back = Table::read(folder / "runs.csv", {"acc"});
  CHECK(back.where({{"arm", "relu"}}).numbers("acc") == std::vector<double>{0.25, 0.5});
  CHECK(back.where({{"arm", "relu"}, {"run", "3"}}).empty());
}

TEST_CASE("a damaged table is one clear line") {
  const auto& message = test::message_of;
  CHECK(message([] { Table::parse("", "x.csv"); }) == "x.csv: is empty");
  CHECK(message([] { Table::parse("a,b\n1,2\n3", "x.csv"); }) == "x.csv: the last line is cut");
  CHECK(message([] { Table::parse("a,b\n1,2\n3\n", "x.csv"); }) == "x.csv: line 3 has 1 fields, the header 2");
  CHECK(message([] { Table::parse("a,b\n1,2\n", "x.csv", {"c"}); }) == "x.csv: no column \"c\", it has a,b");
  CHECK(message([] { Table::parse("a,b\n1,2\n1,two\n", "x.csv").numbers("b"); }) ==
        "x.csv: line 3, column b: must be a number, got \"two\"");
  CHECK(message([] { Table({"a"}).add({"x,y"}); }).find("commas") != std::string::npos);
  CHECK(message([] { Table({"a"}).add({1, 2}); }) == "table: a row of 2 fields, there are 1 columns");
}

}  // namespace
}  // namespace six::study
