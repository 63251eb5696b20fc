// A recipe of pretraining: as a file, and its first lines as --set.
#include "ijepa/train/recipe/recipe.hpp"

#include <sstream>

#include "tests/fuzz/fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ijepa;
  const std::string text(fuzz::text_of({data, size}));
  fuzz::accept_errors([&] {
    PretrainRecipe recipe;
    read_toml(fields_of(recipe), text, "recipe.toml");
    resolve(recipe);
    const std::string printed = recipe_text(recipe);
    PretrainRecipe again;
    read_toml(fields_of(again), printed, "printed.toml");
    if (recipe_text(again) != printed) std::abort();
  });
  PretrainRecipe recipe;
  std::istringstream lines(text);
  std::string line;
  for (int i = 0; i < 3 && std::getline(lines, line); ++i)
    fuzz::accept_errors([&] { apply_override(fields_of(recipe), line); });
  return 0;
}
