// Setting effects: every key of a program's settings changes what a small run leaves, or a table
// says why it need not. A key that the settings have and the table lacks fails, and so does the
// other way round.
#pragma once
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "ijepa/core/config.hpp"

namespace ijepa::test {

using Assignments = std::vector<std::string>;  // "section.key=value"

/// A value of `key` that is felt in a run with the settings `given`.
struct SettingEffect {
  std::string key, value;
  Assignments given = {};
  enum class Then { finishes, is_refused } then = Then::finishes;
};

struct NeutralSetting {
  std::string key, reason;
};

/// What a run leaves by name, and the sentence with which it was refused.
struct RunResult {
  std::map<std::string, std::string> left;
  std::string problem;
};

/// Names of what two runs left differently.
inline std::string differences(const RunResult& a, const RunResult& b) {
  std::set<std::string> names;
  for (const auto& [one, other] : {std::pair(&a, &b), {&b, &a}})
    for (const auto& [name, text] : one->left)
      if (!other->left.contains(name) || other->left.at(name) != text) names.insert(name);
  if (a.problem != b.problem) names.insert("problem");
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Run: RunResult(Assignments), a run of the program with these settings besides those of all runs.
template <class Settings, class Run>
void expect_every_setting_has_its_effect(const std::vector<SettingEffect>& effects,
                                         const std::vector<NeutralSetting>& neutral,
                                         const Run& run) {
  std::set<std::string> known;
  std::map<Assignments, RunResult> usual;
  for (const auto& [key, reason] : neutral) {
    EXPECT_TRUE(known.insert(key).second) << key << " is listed twice";
    EXPECT_FALSE(reason.empty()) << key;
  }
  for (const SettingEffect& e : effects) {
    known.insert(e.key);
    if (!usual.contains(e.given)) {
      usual[e.given] = run(e.given);
      EXPECT_EQ(differences(usual[e.given], run(e.given)), "")
          << "a run does not repeat itself, given " << fmt::format("{}", fmt::join(e.given, " "));
    }
    Assignments changed = e.given;
    changed.push_back(e.key + "=" + e.value);
    const RunResult result = run(changed);
    EXPECT_EQ(result.problem.empty(), e.then == SettingEffect::Then::finishes)
        << changed.back() << ": " << result.problem;
    EXPECT_NE(differences(result, usual[e.given]), "") << changed.back() << " has no effect";
  }
  Settings settings;
  std::set<std::string> keys;
  const Fields described = fields_of(settings);
  for (const Field& field : described.fields()) keys.insert(field.path);
  for (const auto& key : keys) EXPECT_TRUE(known.contains(key)) << key << " is in no table";
  for (const auto& key : known) EXPECT_TRUE(keys.contains(key)) << key << " is no setting";
}

}  // namespace ijepa::test
