// A checkpoint whose weights and moments are all different, and its tensors under any names, in any
// element type, for tests of what is read.
#pragma once
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "ijepa/model/ijepa.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"
#include "ijepa/train/weights/export.hpp"
#include "ijepa/train/weights/import.hpp"
#include "src/train/weights/pickle_writer.hpp"
#include "src/train/weights/stored_weights.hpp"
#include "src/train/weights/torch_archive.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_run.hpp"
#include "tests/train/weights/pickles.hpp"

namespace ijepa::test {

class ExportedRun : public ::testing::Test {
 protected:
  ExportedRun() {
    auto recipe = tiny_recipe("shards", path("run"));
    resolve(recipe);
    recipe.compute.precision = DType::bf16;
    const auto device = make_device({"cpu", 1});
    const IJepa model(recipe.model.encoder, recipe.model.predictor);
    ParamStore store(*device, model.layout(), Precision::float32(), StoreUse::training);
    store.initialise(3);
    RunState state(*device, store, {Role::weight, Role::target, Role::adam_m, Role::adam_v});
    float value = 0;
    for (const auto& t : state.tensors())
      for (std::int64_t i = 0; i < StoredTensor{"", "", t.dtype, t.shape, {}}.numel(); ++i)
        static_cast<float*>(t.data)[i] = value += 1.0F / 1024;
    CheckpointStore(path("run"), {})
        .save(*local_communicator(), {8, {{"config", recipe_text(recipe)}}}, state.tensors());
    checkpoint_ = checkpoint_folder(path("run"), 8);
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string write(const std::string& name, ExportFormat format,
                    const std::string& encoder = "target") const {
    export_weights({checkpoint_, path(name), format, encoder, 4});
    return path(name);
  }
  ImportOptions options(const std::string& file, const std::string& run) const {
    ImportOptions o;
    o.file = file;
    o.run = path(run);
    o.heads = 2;
    return o;
  }
  ImportResult read(const std::string& file, const std::string& run) const {
    return import_weights(options(file, run));
  }
  /// Why a file is not imported, one sentence; "no error" when it is.
  std::string problem(const ImportOptions& o) const {
    const auto said = error_of([&] { import_weights(o); });
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
    EXPECT_TRUE(said == "no error" || !std::filesystem::exists(o.run)) << said;
    return said;
  }
  /// The tensors of the imported run are those of the exported checkpoint, `count` of them.
  void expect_equal(const std::string& run, std::size_t count) const {
    const auto before = final_state(path("run")), after = final_state(path(run));
    EXPECT_EQ(after.tensors.size(), count);
    for (const auto& [name, bytes] : after.tensors)
      EXPECT_TRUE(before.tensors.contains(name) && before.tensors.at(name) == bytes) << name;
  }
  /// The target encoder with its position table, under the names of a style.
  std::vector<OutTensor> target(NameStyle style = NameStyle::plain,
                                const std::string& prefix = "") const {
    return weights_.group("target_encoder", {style, prefix});
  }
  std::vector<OutTensor> group(const std::string& name, const std::string& prefix) const {
    return weights_.group(name, {NameStyle::plain, prefix});
  }

  static constexpr std::size_t encoder_tensors = 4 + 2 * 12U;  // patches, norm, two blocks

 private:
  TemporaryFolder folder_;

 protected:
  std::string checkpoint_;

  struct Late {
    const std::string& checkpoint;
    mutable std::unique_ptr<StoredWeights> made;
    std::vector<OutTensor> group(const std::string& name, const Naming& naming) const {
      if (!made) made = std::make_unique<StoredWeights>(checkpoint);
      return made->group(name, naming);
    }
  } weights_{checkpoint_, nullptr};
};

/// The same numbers, rounded to a type of two bytes.
inline OutTensor halved(const OutTensor& whole, Element element) {
  OutTensor half{{whole.tensor.name, element, whole.tensor.shape}, {}};
  half.fill = [whole, element](std::span<std::byte> out) {
    std::vector<float> values(out.size() / 2);
    whole.fill(std::as_writable_bytes(std::span(values)));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(values[i]);
      auto rounded = static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
      if (element ==
          Element::f16) {  // numbers of the fixture lie between 2^-14 and 65504, or are 0
        const auto exponent = static_cast<int>(bits >> 23 & 255) - 112;
        const auto fraction = (bits & 0x7fffff) + 0xfff + (bits >> 13 & 1);
        rounded = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
        if (exponent > 0)
          rounded = static_cast<std::uint16_t>(
              rounded | ((static_cast<unsigned>(exponent) << 10) + (fraction >> 13)));
      }
      std::memcpy(out.data() + 2 * i, &rounded, 2);
    }
  };
  return half;
}

/// A torch archive of a dictionary in dictionaries: keys[0] -> keys[1] -> ... -> the tensors.
inline void write_nested(const std::string& path, const std::vector<std::string>& keys,
                         const std::vector<OutTensor>& tensors) {
  PickleWriter pickle;
  pickle.begin_dict();
  for (const auto& key : keys) {
    pickle.text(key);
    pickle.begin_dict();
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    pickle.text(tensors[i].tensor.name);
    pickle.tensor(tensors[i].tensor, std::to_string(i));
  }
  for (std::size_t i = 0; i <= keys.size(); ++i) pickle.end_dict();
  write_torch_archive(path, pickle.finish(), tensors);
}

}  // namespace ijepa::test
