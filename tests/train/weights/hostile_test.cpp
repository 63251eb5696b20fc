// Files of weights made to harm who reads them: small ones that ask for much memory or time, and
// sizes with which arithmetic goes wrong.
#include <gtest/gtest.h>

#include <fstream>

#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "ijepa/train/weights/import.hpp"
#include "src/train/weights/pickle_reader.hpp"
#include "tests/fuzz/tiny_weights.hpp"
#include "tests/train/weights/exported_run.hpp"

namespace ijepa::test {
namespace {

std::string text_of_any_length(const std::string& value) {
  std::string bytes = "X";
  for (int shift = 0; shift < 32; shift += 8)
    bytes += static_cast<char>(value.size() >> static_cast<unsigned>(shift));
  return bytes + value;
}

/// "(NNNN...t" kept as value 0 of the memory.
std::string long_tuple(std::size_t values) {
  return "(" + std::string(values, 'N') + "tq" + std::string(1, '\0');
}

std::string repeated(const std::string& part, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += part;
  return all;
}

std::string pickle_problem(const std::string& inside) {
  const std::string bytes = "\x80\x02" + inside + ".";
  return error_of([&] {
    read_pickle({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "hostile.pt");
  });
}

const std::string zero(1, '\0'), recall_0 = "h" + zero;

// Each call would copy the arguments that they all share: 8 TB of them, for hours.
TEST(HostilePickle, SharedArgumentsAreNotCopied) {
  const std::string function = "c__builtin__\nset\nq\x01", call = "h\x01" + recall_0 + "R";
  EXPECT_EQ(pickle_problem(long_tuple(1'000'000) + function + repeated(call, 900'000)), "no error");
}

TEST(HostilePickle, KeysOfStoragesAreShort) {
  const auto key = text_of_any_length(std::string(2000, 'k')) + "q" + zero;
  const auto said = pickle_problem(key + "(" + text("storage") + "ctorch\nFloatStorage\n" +
                                   recall_0 + text("cpu") + "K\x04tQ");
  EXPECT_NE(said.find("a key of 2000 bytes"), std::string::npos) << said;
}

TEST(HostilePickle, SoManyValuesAndDimensions) {
  const auto many = pickle_problem(std::string(2'000'001, 'N'));
  EXPECT_NE(many.find("more than 2000000 values"), std::string::npos) << many;
  const std::string tensor = "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
                             "ctorch\nFloatStorage\n" + text("0") + text("cpu") + "K\x04tQK" + zero;
  const auto deep = pickle_problem(tensor + "(" + repeated("K\x01", 65) + "t");
  EXPECT_EQ(deep.find("dimensions"), std::string::npos) << "not yet a tensor: " << deep;
  const auto sizes = "(" + repeated("K\x01", 65) + "t";
  const auto said = pickle_problem(tensor + sizes + sizes + "tR");
  EXPECT_NE(said.find("a tensor of 65 dimensions"), std::string::npos) << said;
}

TEST(HostilePickle, TensorsHaveSoManySizesInAll) {
  const std::string storage =
      "(" + text("storage") + "ctorch\nFloatStorage\n" + text("0") + text("cpu") + "K\x04tQq\x01";
  const std::string arguments = "(" + repeated("K\x01", 64) + "tq" + zero;
  const std::string make = "ctorch._utils\n_rebuild_tensor_v2\nq\x02(" +
                           ("h\x01"
                            "K" +
                            zero) +
                           recall_0 + recall_0 + "tq\x03R";
  const std::string again = "h\x02h\x03R";
  const auto said = pickle_problem(storage + arguments + make + repeated(again, 70'000));
  EXPECT_NE(said.find("more than 8000000 sizes"), std::string::npos) << said;
}

class HostileWeights : public ExportedRun {
 protected:
  std::string refusal(const std::string& file) const {
    return error_of([&] {
      const auto weights = open_weight_file(file);
      for (const auto& tensor : weights->tensors()) {
        std::vector<std::byte> bytes(tensor.bytes());
        weights->read(tensor, bytes);
      }
      describe_weights(*weights, {});
    });
  }
  void expect_refused(const std::string& file, const std::string& why) const {
    const auto said = refusal(file);
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
  }
  std::string archive(const std::string& pickle) const {
    write_zip(path("hostile.pt"), {{"x/data.pkl", pickle}, {"x/data/0", std::string(16, '\0')}});
    return path("hostile.pt");
  }
  std::string tiny(const std::string& name, const std::vector<std::int64_t>& shape) const {
    auto tensors = fuzz::tiny_tensors();
    for (auto& t : tensors)
      if (t.tensor.name == name) t.tensor.shape = shape;
    write_safetensors(path("model.safetensors"), tensors, {});
    return path("model.safetensors");
  }
  void describe_by(const std::string& config) const {
    std::ofstream(path("config.json")) << config;
  }
};

// 1000 values below a key of a megabyte would have a gigabyte of names.
TEST_F(HostileWeights, NamesTakeNoMoreThanTheirShare) {
  const auto key = text_of_any_length(std::string(1 << 20, 'k'));
  std::string inside;
  for (int i = 0; i < 1000; ++i) inside += text(std::to_string(i)) + "N";
  expect_refused(archive(dictionary(key + "}(" + inside + "u")), "nests more than weights need");
}

TEST_F(HostileWeights, SharedTextsTakeNoMoreThanTheirShare) {
  const auto shared = text_of_any_length(std::string(1 << 20, 't')) + "q" + zero;
  std::string inside = text("a") + shared;
  for (int i = 0; i < 1000; ++i) inside += text(std::to_string(i)) + recall_0;
  expect_refused(archive(dictionary(inside)), "nests more than weights need");
}

// A list of a thousand values that is there a thousand times and once more.
TEST_F(HostileWeights, SharedListsUnfoldToSoManyValues) {
  std::string inside = text("a") + long_tuple(1000);
  for (int i = 0; i < 1000; ++i) inside += text(std::to_string(i)) + recall_0;
  expect_refused(archive(dictionary(inside)), "nests more than weights need");
}

TEST_F(HostileWeights, APickleHas16MiB) {
  const auto file = archive(dictionary(text("a") + text_of_any_length(std::string(16 << 20, 't'))));
  expect_refused(file, "its pickle has 167772");
}

TEST_F(HostileWeights, HeadersAndIndexesAreNotReadWhereTheyAreTooLong) {
  const std::uint64_t too_long = (std::uint64_t{64} << 20) + 1;
  {
    std::ofstream out(path("x.safetensors"), std::ios::binary);
    out.write(reinterpret_cast<const char*>(&too_long), 8);
    out << "{";
    std::ofstream(path("x.safetensors.index.json")) << "{}";
  }
  std::filesystem::resize_file(path("x.safetensors"), too_long + 8);
  expect_refused(path("x.safetensors"), "its header would have 67108865 bytes");
  std::filesystem::resize_file(path("x.safetensors.index.json"), too_long);
  expect_refused(path("x.safetensors.index.json"), "it has 67108865 bytes");
}

TEST_F(HostileWeights, AnIndexNamesAtMost1000Files) {
  std::string map;
  write_safetensors(path("0.safetensors"), {fuzz::tiny_tensors()[0]}, {});
  for (int i = 0; i <= 1000; ++i) {
    const auto name = fmt::format("{}.safetensors", i);
    if (i > 0) std::filesystem::create_hard_link(path("0.safetensors"), path(name));
    map += fmt::format("{}\"t{}\": \"{}\"", i > 0 ? ", " : "", i, name);
  }
  std::ofstream(path("x.index.json")) << "{\"weight_map\": {" << map << "}}";
  expect_refused(path("x.index.json"), "names more than 1000 files");
}

// Its strides are fewer than its sizes, and the product of those overflows.
TEST_F(HostileWeights, EmptyTensorsAreReadWithoutALook) {
  const std::string large = "\x8a\x08" + std::string(7, '\0') + "\x40";
  const std::string tensor = "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
                             "ctorch\nFloatStorage\n" + text("0") + text("cpu") + "K\x04tQK" +
                             zero + "(K" + zero + large + "K\x08t(t\x89" +
                             "ccollections\nOrderedDict\n)RtR";
  const auto said = refusal(archive(dictionary(text("empty") + tensor)));
  EXPECT_NE(said.find("holds no encoder"), std::string::npos) << said;
}

TEST_F(HostileWeights, SizesOfAModelAreSizes) {
  describe_by(R"({"num_attention_heads": 2})");
  EXPECT_EQ(refusal(tiny("none", {})), "no error");
  for (const std::int64_t patch : {std::int64_t{0}, std::int64_t{1} << 62})
    expect_refused(tiny("patch_embed.proj.weight", {8, 0, patch, patch}), "a patch side");
  expect_refused(tiny("pos_embed", {1, 0, 8}), "a number of patches = 0");
  expect_refused(tiny("pos_embed", {1, 65537, 8}), "a number of patches = 65537");
  expect_refused(tiny("blocks.0.mlp.fc1.bias", {0}), "an MLP width = 0");
}

TEST_F(HostileWeights, WhatLiesBesideIsNotBelieved) {
  const auto file = tiny("none", {});
  describe_by(R"({"num_attention_heads": 2, "image_size": ["a", "b"]})");
  EXPECT_EQ(refusal(file), "no error");
  describe_by(R"({"num_attention_heads": 2, "image_size": [9223372036854775807, 8]})");
  expect_refused(file, "an image height = 9223372036854775807");
  describe_by(R"({"num_attention_heads": 2, "image_size": [8, -8]})");
  expect_refused(file, "an image width = -8");
  describe_by(std::string(1'000'000, '['));
  expect_refused(file, "nests more than");
}

/// Of training as the authors keep it: a number of steps in the optimizer.
TEST_F(HostileWeights, NoTrainingHasSoManySteps) {
  const auto import_of = [&](const std::vector<OutTensor>& steps, double whole) {
    auto tensors = target(NameStyle::plain, "");
    PickleWriter pickle;
    pickle.begin_dict();
    pickle.text("target_encoder");
    pickle.begin_dict();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      pickle.text(tensors[i].tensor.name);
      pickle.tensor(tensors[i].tensor, std::to_string(i));
    }
    pickle.end_dict();
    for (const char* key : {"opt", "state", "1"}) {
      pickle.text(key);
      pickle.begin_dict();
    }
    pickle.text("step");
    if (steps.empty())
      pickle.real(whole);
    else
      pickle.tensor(steps[0].tensor, std::to_string(tensors.size()));
    for (int i = 0; i < 4; ++i) pickle.end_dict();
    tensors.insert(tensors.end(), steps.begin(), steps.end());
    std::filesystem::remove(path("steps.pth.tar"));
    write_torch_archive(path("steps.pth.tar"), pickle.finish(), tensors);
    auto o = options(path("steps.pth.tar"), "steps_run");
    o.allow_missing = o.allow_unused = true;
    return problem(o);
  };
  const auto tensor = [](float value) {
    return std::vector<OutTensor>{
        {{"opt/state/1/step", Element::f32, {}},
         [value](std::span<std::byte> out) { std::memcpy(out.data(), &value, out.size()); }}};
  };
  for (const double steps : {1e12, -1.0, 1e300, std::nan("")}) {
    const auto said = import_of({}, steps);
    EXPECT_NE(said.find("steps, which no training has"), std::string::npos) << steps << said;
    const auto of_tensor = import_of(tensor(static_cast<float>(steps)), 0);
    EXPECT_NE(of_tensor.find("is no number of steps"), std::string::npos) << steps << of_tensor;
  }
}

TEST_F(HostileWeights, TextsOfACheckpointAreNumbersWhereThatIsMeant) {
  for (const char* text : {"seven", "1e300", "7 "}) {
    auto manifest = read_manifest(checkpoint_);
    manifest.meta.text["world_size"] = text;
    write_file_atomically(checkpoint_ + "/manifest.json", manifest_text(manifest));
    const auto said =
        error_of([&] { write(std::string(text) + ".pth.tar", ExportFormat::authors); });
    EXPECT_NE(said.find("says world_size"), std::string::npos) << said;
  }
}

}  // namespace
}  // namespace ijepa::test
