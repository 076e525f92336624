#pragma once
#include <string>
#include <vector>

namespace six::study {

// Reads the tables of a study folder (columns.h), writes stats.csv and report.html into it and returns one verdict line per claim.
// The same tables give the same bytes. Throws Error if runs.csv is missing, a table is damaged, or gnuplot is not installed.
std::vector<std::string> write_report(const std::string& directory);

}  // namespace six::study
