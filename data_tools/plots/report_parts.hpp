// The parts of a report: each is one <section> or the inside of one, as HTML.
#pragma once
#include <string>
#include <vector>

#include "data_tools/plots/report.hpp"

namespace ijepa::tools {

/// The column or figure as a curve named `name`, in at most `points` means, times `factor`.
Curve curve_of(const RunLog& run, const std::string& column, const std::string& name,
               std::int64_t points, double factor = 1);

/// A table: the first row is its head. Cells are text.
std::string html_table(const std::vector<std::vector<std::string>>& rows);

/// A number with so many digits as tell something, "-" where there is none.
std::string number_text(double value);
std::string percent_text(double share);

std::string summary_part(const std::vector<ReportRun>& runs);    // a row a run
std::string comparison_part(const std::vector<ReportRun>& runs,  // of several runs
                            std::int64_t points);
std::string settings_part(const RunLog& run);
std::string learning_part(const RunLog& run, std::int64_t points);  // loss and health
std::string evaluation_part(const RunLog& run);
std::string speed_part(const RunLog& run, std::int64_t points);
std::string pictures_part(const ReportRun& run);
std::string events_part(const RunLog& run);

}  // namespace ijepa::tools
