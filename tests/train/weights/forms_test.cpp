// The forms in which people have a network's weights: half precision, several files, folders, other
// names, wrappers; and other kinds of networks, which no option makes ours.
#include <nlohmann/json.hpp>

#include "ijepa/model/positions.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"
#include "ijepa/train/weights/load.hpp"
#include "src/train/weights/safetensors.hpp"
#include "tests/train/weights/exported_run.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

class Forms : public ExportedRun {
 protected:
  ImportOptions target_of(const std::string& file, const std::string& run) const {
    auto o = options(path(file), run);
    o.holds = "target";
    return o;
  }
  /// The file gives the target encoder of the run, bit for bit.
  void expect_target(const std::string& file) const {
    const auto run = "run_of_" + fs::path(file).filename().string();
    const auto said = problem(target_of(file, run));
    ASSERT_EQ(said, "no error") << file;
    expect_equal(run, encoder_tensors);
  }
  void expect_refused(const std::string& file, const std::string& why, bool allow = false) const {
    auto o = target_of(file, "refused");
    o.allow_missing = o.allow_unused = allow;
    const auto said = problem(o);
    EXPECT_NE(said.find(why), std::string::npos) << file << ": " << said;
    EXPECT_EQ(said.find("--allow"), std::string::npos) << said;
  }
  /// Three files and their index; the tensors go round.
  void write_several(const std::string& folder) const {
    const auto tensors = target(NameStyle::hugging_face);
    fs::create_directories(path(folder));
    nlohmann::json map;
    for (std::size_t part = 0; part < 3; ++part) {
      const auto name = fmt::format("model-0000{}-of-00003.safetensors", part + 1);
      std::vector<OutTensor> own;
      for (std::size_t i = part; i < tensors.size(); i += 3) {
        own.push_back(tensors[i]);
        map[tensors[i].tensor.name] = name;
      }
      write_safetensors(path(folder + "/" + name), own, {});
    }
    std::ofstream(path(folder + "/model.safetensors.index.json"))
        << nlohmann::json{{"metadata", {{"total_size", 1}}}, {"weight_map", map}};
  }
};

TEST_F(Forms, HalfPrecisionOfEveryFormat) {
  const auto whole = [&](const std::string& run) {
    std::map<std::string, std::vector<float>> values;
    for (const auto& [name, bytes] : final_state(path(run)).tensors) {
      auto& v = values[name];
      v.resize(bytes.size() / sizeof(float));
      std::memcpy(v.data(), bytes.data(), bytes.size());
    }
    return values;
  };
  const auto expected = whole("run");
  for (const auto& [element, error] : {std::pair{Element::f16, 0x1p-11}, {Element::bf16, 0x1p-8}})
    for (const bool torch : {false, true}) {
      const auto name = fmt::format("{}_{}", name_of(element), torch);
      auto tensors = target(torch ? NameStyle::plain : NameStyle::hugging_face);
      for (auto& t : tensors) t = halved(t, element);
      if (torch)
        write_nested(path(name), {}, tensors);
      else
        write_safetensors(path(name), tensors, {});
      const auto result = import_weights(target_of(name, "run_" + name));
      EXPECT_EQ(result.report.converted, std::ssize(tensors)) << name;
      EXPECT_EQ(result.positions, "fixed sine and cosine table") << name;
      for (const auto& [key, values] : whole("run_" + name))
        for (std::size_t i = 0; i < values.size(); ++i)
          ASSERT_NEAR(values[i], expected.at(key)[i], error * expected.at(key)[i]) << name << key;
    }
}

TEST_F(Forms, ATrainedPositionTableIsUsedAsItIsStored) {
  auto tensors = target();
  for (auto& t : tensors)
    if (t.tensor.name == "pos_embed")
      t.fill = [fill = t.fill](std::span<std::byte> out) {
        fill(out);
        float value;
        std::memcpy(&value, out.data() + 40, 4);
        value += 0.25F;
        std::memcpy(out.data() + 40, &value, 4);
      };
  write_safetensors(path("tuned"), tensors, {});
  const auto result = import_weights(target_of("tuned", "imported"));
  EXPECT_NE(result.positions.find("as stored"), std::string::npos) << result.positions;
  EXPECT_NE(result.positions.find("0.25"), std::string::npos) << result.positions;
  const auto table =
      positions_of_checkpoint(read_manifest(result.checkpoint).meta, "imported").encoder;
  const auto fixed = stored_positions({6, 6}, 24);
  ASSERT_EQ(table.size(), fixed.size());
  for (std::size_t i = 0; i < table.size(); ++i)
    EXPECT_NEAR(table[i], fixed[i] + (i == 10 ? 0.25 : 0), 1e-6) << i;
  // And out again, as it came in.
  export_weights({result.checkpoint, path("timm"), ExportFormat::timm, "target", 0});
  const auto file = open_weight_file(path("timm"));
  std::vector<float> written(table.size());
  read_as_float(*file, *file->find("pos_embed"), written);
  EXPECT_TRUE(std::equal(written.begin(), written.end(), table.begin()));
}

TEST_F(Forms, TwoTrainedTablesInOneFileAreRefused) {
  auto tensors = group("encoder", "encoder.");
  for (auto& t : group("target_encoder", "target_encoder.")) tensors.push_back(t);
  for (auto& t : tensors)
    if (t.tensor.name == "target_encoder.pos_embed")
      t.fill = [](std::span<std::byte> out) { std::ranges::fill(out, std::byte{1}); };
  write_safetensors(path("two"), tensors, {});
  expect_refused("two", "different position tables");
}

TEST_F(Forms, SeveralFilesAndFolders) {
  write_several("parts");
  expect_target("parts");
  expect_target("parts/model.safetensors.index.json");
  expect_refused("parts/model-00001-of-00003.safetensors", "one of several files");
  fs::create_directories(path("folder"));
  write_safetensors(path("folder/anything.safetensors"), target(), {});
  std::ofstream(path("folder/.hidden.safetensors")) << "x";
  std::ofstream(path("folder/readme.md")) << "x";
  expect_target("folder");
  fs::copy_file(path("folder/anything.safetensors"), path("folder/other.safetensors"));
  expect_refused("folder", "name one of");
  fs::create_directories(path("empty"));
  expect_refused("empty", "a folder without weights");
  expect_refused("run", "--run");
  expect_refused(fs::relative(checkpoint_, path(".")).string(), "--checkpoint");
  EXPECT_TRUE(is_weight_file(path("parts")));
  EXPECT_FALSE(is_weight_file(path("run")));
  EXPECT_FALSE(is_weight_file(checkpoint_));
}

TEST_F(Forms, ACacheOfHuggingFace) {
  const std::string cache = "hub/models--some--model";
  const auto snapshot = [&](const std::string& revision) {
    fs::create_directories(path(cache + "/snapshots/" + revision));
    return cache + "/snapshots/" + revision;
  };
  fs::create_directories(path(cache + "/blobs"));
  fs::create_directories(path(cache + "/refs"));
  snapshot("0a");
  expect_refused(cache, "its snapshots hold no safetensors");
  write_safetensors(path(cache + "/blobs/5e"), target(), {});
  fs::create_symlink("../../blobs/5e", path(snapshot("1b") + "/model.safetensors"));
  expect_target(cache);
  EXPECT_TRUE(is_weight_file(path(cache)));
  EXPECT_TRUE(holds_weights(path(cache)));
  EXPECT_FALSE(holds_weights(path("hub")));
  expect_refused("hub", "name the folder of one, such as " + path(cache));
  fs::create_symlink("../../blobs/5e", path(snapshot("2c") + "/pytorch_model.bin"));
  expect_refused(cache, "2 revisions: name one of their folders, such as " + path(snapshot("1b")));
}

TEST_F(Forms, AnIndexIsNotBelieved) {
  write_several("parts");
  const auto index = path("parts/model.safetensors.index.json");
  const auto written = nlohmann::json::parse(std::ifstream(index));
  const auto with = [&](const std::string& tensor, const std::string& file) {
    auto json = written;
    json["weight_map"][tensor] = file;
    std::ofstream(index) << json;
  };
  with("layernorm.bias", "../parts/model-00001-of-00003.safetensors");
  expect_refused("parts", "no file of weights beside it");
  with("layernorm.bias", "model.safetensors.index.json");
  expect_refused("parts", "no file of weights beside it");
  with("another", "model-00001-of-00003.safetensors");
  expect_refused("parts", "does not hold it");
  with("layernorm._orig_mod.bias", "model-00001-of-00003.safetensors");
  expect_refused("parts", "names the tensor layernorm.bias twice");
  std::ofstream(index) << "{\"weight_map\": 3}";
  expect_refused("parts", "no index of weights");
  std::ofstream(index) << written;
  fs::remove(path("parts/model-00002-of-00003.safetensors"));
  expect_refused("parts", "model-00002-of-00003.safetensors");
}

TEST_F(Forms, NamesOfTransformers5) {
  write_safetensors(path("five"), target(NameStyle::hugging_face_5), {});
  expect_target("five");
  write_safetensors(path("head"), target(NameStyle::hugging_face_5, "ijepa."), {});
  expect_target("head");
}

TEST_F(Forms, WrappersAreTakenOff) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> forms{
      {{}, ""},
      {{"model"}, ""},
      {{"state_dict"}, "module."},
      {{}, "_orig_mod."},
      {{"encoder"}, "module._orig_mod."},
      {{"state_dict"}, "model.encoder."},
      {{"checkpoint", "teacher"}, "backbone."},
      {{"target_encoder"}, ""}};
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const auto name = fmt::format("form_{}", i);
    write_nested(path(name), forms[i].first, target(NameStyle::plain, forms[i].second));
    expect_target(name);
  }
}

TEST_F(Forms, WrappersInsideANetworkAreTakenOff) {
  for (const std::string wrapper :
       {"_orig_mod.", "_checkpoint_wrapped_module.", "_fsdp_wrapped_module."})
    for (const bool torch : {false, true}) {
      auto tensors = target();
      for (auto& t : tensors)
        for (const std::string at : {"blocks.0.", "patch_embed."})
          if (t.tensor.name.starts_with(at)) t.tensor.name.insert(at.size(), wrapper);
      const auto name = fmt::format("inside_{}_{}", wrapper, torch);
      if (torch)
        write_nested(path(name), {"model"}, tensors);
      else
        write_safetensors(path(name), tensors, {});
      expect_target(name);
    }
}

TEST_F(Forms, AnotherFunctionInTheMlpIsAnotherNetwork) {
  fs::create_directories(path("acts"));
  write_safetensors(path("acts/model.safetensors"), target(), {});
  const auto say = [&](const nlohmann::json& config) {
    std::ofstream(path("acts/config.json")) << config;
  };
  for (const nlohmann::json& other :
       {nlohmann::json{{"hidden_act", "quick_gelu"}},
        nlohmann::json{{"model_args", {{"act_layer", "relu"}}}},
        nlohmann::json{{"architecture", "vit_small_patch16_quickgelu_224"}}}) {
    say(other);
    expect_refused("acts", "I-JEPA's MLPs have GELU", true);
  }
  say({{"hidden_act", "gelu"}, {"architecture", "vit_small_patch16_224"}});
  expect_target("acts");
}

TEST_F(Forms, PositionsOfAClassTokenAreNoGrid) {
  auto tensors = target();
  for (auto& t : tensors)
    if (t.tensor.name == "pos_embed")
      t = {{"pos_embed", Element::f32, {1, 37, t.tensor.shape[2]}},
           [](std::span<std::byte> out) { std::ranges::fill(out, std::byte{0}); }};
  write_safetensors(path("class"), tensors, {});
  expect_refused("class", "37 positions: those of 6 x 6 patches and of a class token");
}

TEST_F(Forms, WhichEncoderFollowsFromItsPrefix) {
  auto tensors = group("encoder", "student.backbone.");
  for (auto& t : group("target_encoder", "teacher.backbone.")) tensors.push_back(t);
  write_nested(path("both"), {"state_dict"}, tensors);
  EXPECT_EQ(read(path("both"), "imported").groups,
            (std::vector<std::string>{"encoder", "target_encoder"}));
  expect_equal("imported", 2 * encoder_tensors);
  for (auto& t : tensors)
    if (t.tensor.name.starts_with("teacher.")) t.tensor.name.replace(0, 7, "other");
  for (auto& t : tensors)
    if (t.tensor.name.starts_with("student.")) t.tensor.name.replace(0, 7, "some");
  write_nested(path("unsaid"), {"state_dict"}, tensors);
  expect_refused("unsaid", "does not say which is which", true);
}

TEST_F(Forms, OptimizersOfOtherProgramsArePassedOver) {
  auto tensors = target(NameStyle::plain, "state_dict.");
  for (auto t : {OutTensor{{"optimizer_states/0/exp_avg", Element::f32, {3}}, {}},
                 OutTensor{{"step", Element::i64, {}}, {}}}) {
    t.fill = [](std::span<std::byte> out) { std::ranges::fill(out, std::byte{0}); };
    tensors.push_back(t);
  }
  write_safetensors(path("more"), tensors, {});
  expect_target("more");
}

TEST_F(Forms, OtherKindsOfNetworksAreRefusedAlways) {
  const std::vector<std::pair<const char*, const char*>> more{
      {"cls_token", "a class token"},
      {"blocks.0.ls1.gamma", "LayerScale"},
      {"blocks.1.mlp.w3.weight", "SwiGLU"},
      {"reg_token", "register tokens"},
      {"patch_embed.norm.weight", "patch_embed.norm.weight"},
      {"embed_norm.weight", "a norm before its blocks"},
      {"rotary_emb.inv_freq", "rotary positions"},
      {"blocks.0.attn.q_norm.weight", "norms of queries and keys"},
      {"blocks.0.adapter.down.weight", "blocks.0.adapter.down.weight"},
      {"blocks.3.norm1.weight", "not all there"}};
  for (const auto& [name, what] : more) {
    auto tensors = target();
    tensors.push_back({{name, Element::f32, {24}},
                       [](std::span<std::byte> out) { std::ranges::fill(out, std::byte{0}); }});
    fs::remove(path("more"));
    write_safetensors(path("more"), tensors, {});
    for (const bool allow : {false, true}) expect_refused("more", what, allow);
  }
}

TEST_F(Forms, ARefusalNamesWhatTheFileHolds) {
  auto tensors = target();
  for (auto& t : tensors) t.tensor.name.insert(0, "conv_");
  write_safetensors(path("other"), tensors, {});
  expect_refused("other", "but conv_blocks.0.attn.proj.bias, ");
}

TEST_F(Forms, WhatIsNoFileOfWeightsIsCalledByItsName) {
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, const char*>> files{
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "Git LFS"},
      {"<!DOCTYPE html><html><title>Sign in</title></html>", "HTML page"},
      {"\n <html lang=en> and so on", "HTML page"},
      {"\x1f\x8b\x08\0\0\0\0\0\0\3 and so on"s, "gzip"},
      {"BZh91AY&SY and so on", "bzip2"},
      {"\xfd"
       "7zXZ\0\0 and so on"s,
       "xz"},
      {"\x80\x02\x8a\nl\xfc\x9c\x46\xf9 and so on", "before version 1.6"},
      {"\x80\x04\x95 and so on", "plain pickle"},
      {"\x89HDF\r\n\x1a\n and so on", "HDF5"},
      {"PK\3\4\x2d" + std::string(21, '\0') + "\x09" + std::string(3, '\0') + "arr_0.npy and so on",
       "(.npz): weights are read from torch archives and safetensors"},
      {"{\"hidden_size\": 4, \"x\": 1}", "JSON"},
      {std::string(257, 'a') + "ustar  and so on" + std::string(300, '\0'), "tar archive"}};
  for (const auto& [bytes, what] : files) {
    std::ofstream(path("file"), std::ios::binary) << bytes;
    expect_refused("file", what);
  }
}

}  // namespace
}  // namespace ijepa::test
