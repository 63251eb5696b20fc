#include "ijepa/model/config.hpp"

#include <array>

namespace ijepa {

bool apply_preset(EncoderConfig& config, const std::string& name) {
  struct Preset {
    const char* name;
    std::int64_t width, depth, heads, mlp_hidden;
  };
  static constexpr std::array<Preset, 6> presets{{{"vit_tiny", 192, 12, 3, 768},
                                                  {"vit_small", 384, 12, 6, 1536},
                                                  {"vit_base", 768, 12, 12, 3072},
                                                  {"vit_large", 1024, 24, 16, 4096},
                                                  {"vit_huge", 1280, 32, 16, 5120},
                                                  {"vit_giant", 1408, 40, 16, 6144}}};
  for (const auto& p : presets) {
    if (name != p.name) continue;
    config.name = p.name;
    config.width = p.width;
    config.depth = p.depth;
    config.heads = p.heads;
    config.mlp_hidden = p.mlp_hidden;
    return true;
  }
  return false;
}

}  // namespace ijepa
