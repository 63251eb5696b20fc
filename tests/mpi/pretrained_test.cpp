// Weights of other programs' files where a checkpoint's folder could stand.
#include "ijepa/tasks/network/pretrained.hpp"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/device/host_values.hpp"
#include "ijepa/tasks/network/pretrained_encoder.hpp"
#include "ijepa/train/weights/export.hpp"
#include "ijepa/train/weights/load.hpp"
#include "tests/mpi/ranks.hpp"
#include "tests/support/sound_replay.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/tiny_checkpoint.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

/// A checkpoint and exports of it, made by rank 0 for all.
class Pretrained : public ::testing::Test {
 protected:
  Pretrained() {
    folder_ = ranks().broadcast_text(own_.path().string(), 0);
    checkpoint_ = checkpoint_folder(folder_ + "/run", 7);
    on_rank_0(ranks(), [&] {
      write_trained_checkpoint();
      write("authors.pth.tar", ExportFormat::authors);
      write("hf_target", ExportFormat::hugging_face);
      write("hf_context", ExportFormat::hugging_face, "context");
      write("timm", ExportFormat::timm);
    });
  }
  ~Pretrained() override { ranks().barrier(); }

  /// With moments, which the authors' layout has, and two encoders that differ.
  void write_trained_checkpoint() const {
    const TinyEncoder network(2);
    ParamStore store(*network.device, network.model.layout(), Precision::float32(),
                     StoreUse::training);
    store.initialise(2);
    const RunState state(*network.device, store,
                         {Role::weight, Role::target, Role::adam_m, Role::adam_v});
    for (const auto& t : state.tensors())
      if (t.group == "target_encoder") *static_cast<float*>(t.data) += 0.5F;
    CheckpointStore(folder_ + "/run", {})
        .save(*local_communicator(),
              {7, {{"config", recipe_text(tiny_checkpoint_recipe(folder_ + "/run"))}}},
              state.tensors());
  }
  void write(const std::string& name, ExportFormat format, const std::string& encoder = "target") {
    export_weights({checkpoint_, folder_ + "/" + name, format, encoder, 4});
  }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  static Matrix<float> features(const std::string& checkpoint, EncoderChoice choice) {
    FrozenEncoder encoder(checkpoint, choice, 1, ranks(), Log(1));
    std::vector<std::uint8_t> pixels(2 * 32 * 32 * 3);
    for (std::size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = static_cast<std::uint8_t>(i * 37 % 251);
    Matrix<float> out(2, encoder.config().width);
    EXPECT_FALSE(encoder.encoder().layout().holds("predictor"));
    encoder.features().apply({pixels.data(), 2, {32, 32}}, out.view());
    return out;
  }
  static double first_constant(Device& device, const PretrainedEncoder& encoder) {
    return download_values(device.ops(),
                           make_tensor(encoder.store().online().constants, DType::f32, {1}))[0];
  }
  static std::string problem(const std::string& checkpoint, EncoderChoice choice) {
    try {
      features(checkpoint, choice);
    } catch (const AgreedError& e) {  // every rank must have it, or one would wait for ever
      return e.what();
    }
    return {};
  }

  const TemporaryFolder own_;
  std::string folder_, checkpoint_;
};

TEST_F(Pretrained, AFileGivesTheFeaturesOfTheCheckpointItWasWrittenFrom) {
  const auto target = features(checkpoint_, EncoderChoice::target);
  const auto context = features(checkpoint_, EncoderChoice::context);
  EXPECT_NE(target.values, context.values);
  EXPECT_EQ(features(path("authors.pth.tar"), EncoderChoice::target).values, target.values);
  EXPECT_EQ(features(path("authors.pth.tar"), EncoderChoice::context).values, context.values);
  EXPECT_EQ(features(path("hf_target/model.safetensors"), EncoderChoice::target).values,
            target.values);
  EXPECT_EQ(features(path("hf_context/model.safetensors"), EncoderChoice::context).values,
            context.values);
  EXPECT_EQ(features(path("timm/model.safetensors"), EncoderChoice::target).values, target.values);
}

// Conversions by others do not say it.
TEST_F(Pretrained, AnEncoderThatIsNotSaidToBeEitherIsTheOneThatIsAskedFor) {
  const auto file = path("hf_target/model.safetensors");
  EXPECT_NE(describe_weight_file(file).find("target encoder, as it says"), std::string::npos);
  ranks().barrier();
  on_rank_0(ranks(), [&] {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    std::string header(512, '\0');
    bytes.read(header.data(), std::ssize(header));
    const auto said = header.find("\"encoder\":\"target\"");
    check(said != std::string::npos, "{} does not say what it holds.", file);
    bytes.seekp(static_cast<std::streamoff>(said) + 1);
    bytes.write("enc_der", 7);
  });
  EXPECT_NE(describe_weight_file(file).find("an encoder, unsaid which"), std::string::npos);
  const auto target = features(checkpoint_, EncoderChoice::target);
  EXPECT_EQ(features(file, EncoderChoice::target).values, target.values);
  EXPECT_EQ(features(file, EncoderChoice::context).values, target.values);
}

/// In a frozen encoder and in one that a task trains, from the file and from its import.
TEST_F(Pretrained, ATrainedPositionTableReachesTheTokens) {
  const auto file = path("timm/model.safetensors");
  on_rank_0(ranks(), [&] {
    auto bytes = read_text_file(file);
    std::uint64_t size = 0;
    std::memcpy(&size, bytes.data(), sizeof size);
    const auto header = nlohmann::json::parse(bytes.substr(sizeof size, size));
    const auto begin = header["pos_embed"]["data_offsets"][0].get<std::size_t>();
    const float changed = 3;
    std::memcpy(bytes.data() + sizeof size + size + begin, &changed, sizeof changed);
    std::ofstream(file, std::ios::binary) << bytes;
    ImportOptions o;
    o.file = file;
    o.run = path("imported");
    import_weights(o);
  });
  const auto imported = checkpoint_folder(path("imported"), 0);
  const auto tuned = features(file, EncoderChoice::target);
  EXPECT_NE(tuned.values, features(checkpoint_, EncoderChoice::target).values);
  EXPECT_EQ(features(imported, EncoderChoice::target).values, tuned.values);
  const auto device = make_device({"cpu", 1});
  const auto config = load_checkpoint_recipe(file, ranks()).model.encoder;
  for (const auto& weights : {file, imported}) {
    PretrainedEncoder encoder(*device, config, {32, 32}, StoreUse::inference);
    const auto before = first_constant(*device, encoder);
    encoder.load(weights, EncoderChoice::target, ranks());
    EXPECT_NE(before, 3.0);
    EXPECT_EQ(first_constant(*device, encoder), 3.0);
    EXPECT_EQ(encoder.pretrained_positions().encoder.at(0), 3.0);
  }
}

TEST_F(Pretrained, IdentityFollowsTheWeights) {
  const auto identity = [&](const std::string& name, EncoderChoice choice) {
    return encoder_identity(path(name), choice, ranks());
  };
  const auto first = identity("authors.pth.tar", EncoderChoice::target);
  EXPECT_EQ(first, identity("authors.pth.tar", EncoderChoice::target));
  EXPECT_NE(first, identity("authors.pth.tar", EncoderChoice::context));
  const auto tensors = identity("timm/model.safetensors", EncoderChoice::target);
  on_rank_0(ranks(), [&] {
    std::fstream file(path("timm/model.safetensors"),
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-5, std::ios::end);  // in the last tensor
    file.put('\x11');
  });
  EXPECT_NE(tensors, identity("timm/model.safetensors", EncoderChoice::target));
}

TEST_F(Pretrained, WhatAFileLacksIsNamed) {
  EXPECT_NE(problem(path("hf_context/model.safetensors"), EncoderChoice::target)
                .find("model.safetensors holds no target_encoder, only: encoder."),
            std::string::npos);
  // The network is of no published size, so its heads do not follow from it.
  on_rank_0(ranks(), [&] {
    auto bytes = read_text_file(path("authors.pth.tar"));
    const std::string said = "extra/ijepa.json";
    for (auto at = bytes.find(said); at != std::string::npos; at = bytes.find(said, at + 1))
      bytes.replace(at, 5, "other");
    std::ofstream(path("authors.pth.tar"), std::ios::binary) << bytes;
  });
  EXPECT_NE(
      problem(path("authors.pth.tar"), EncoderChoice::target).find("ijepa-weights import --heads"),
      std::string::npos);
}

/// What `work` complains of on every rank.
template <class F>
std::string complaint(F&& work) {
  try {
    work();
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

TEST_F(Pretrained, TheReplayOfAStepIsNoNetwork) {
  const auto replay = path("step_7.replay");
  on_rank_0(ranks(), [&] {
    auto texts = read_manifest(checkpoint_).meta.text;
    texts[replay_key] = "{}";
    copy_tensors(checkpoint_, replay, std::move(texts));
  });
  const std::string expected =
      replay + " is the replay of a step that was not finite, no checkpoint";
  EXPECT_EQ(problem(replay, EncoderChoice::target).find(expected), 0U);
  for (const bool as_run : {true, false})
    EXPECT_EQ(complaint([&] {
                const auto found =
                    find_checkpoint(as_run ? replay : "", as_run ? "" : replay, ranks(), Log(1));
                load_checkpoint_recipe(found, ranks());
              }).find(expected),
              0U)
        << as_run;
  on_rank_0(ranks(), [&] {
    EXPECT_EQ(complaint([&] {
                ImportOptions o;
                o.file = replay;
                o.run = path("again");
                import_weights(o);
              }).find(expected),
              0U);
    EXPECT_EQ(complaint([&] {
                export_weights({replay, path("out.pth.tar"), ExportFormat::authors, "target", 4});
              }).find(expected),
              0U);
  });
}

TEST_F(Pretrained, ADamagedFileEndsEveryRank) {
  on_rank_0(ranks(), [&] {
    const auto file = path("authors.pth.tar");
    fs::resize_file(file, fs::file_size(file) / 2);
  });
  EXPECT_NE(problem(path("authors.pth.tar"), EncoderChoice::target).find("no whole torch archive"),
            std::string::npos);
}

}  // namespace
}  // namespace ijepa::test
