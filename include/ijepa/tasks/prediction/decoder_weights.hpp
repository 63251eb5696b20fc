// Decoder weights: what the checkpoints of a decoder's training say of it: its sizes, and whose
// predictions it draws. Anybody's folder may be opened, so all is checked.
#pragma once
#include <memory>
#include <string>

#include "ijepa/tasks/prediction/decoder_network.hpp"
#include "ijepa/tasks/prediction/whole_model.hpp"

namespace ijepa {

/// What a decoder says of itself.
struct DecoderCard {
  DecoderShape shape;
  std::string identity;    // WholeModel::identity() of the network whose s it was told
  std::string checkpoint;  // where that lay; parsed, the text of that path
  std::int64_t steps = 0;  // of the whole training
};

constexpr const char* decoder_card_key = "decoder";
constexpr std::int64_t most_decoder_steps = std::int64_t{1} << 40;

/// An Error for widths, depths and heads that no decoder has: what training refuses before its work
/// and reading before it takes memory. The second for everything that a card says.
void check_decoder_sizes(const BlockDecoderConfig& sizes);
void check_decoder(const DecoderCard& card);

std::string as_json(const DecoderCard& card);
/// An Error names `folder` when the text is no card, or of a decoder that cannot be.
DecoderCard parse_decoder_card(const std::string& text, const std::string& folder);

/// The newest checkpoint of a folder that `ijepa-predict train-decoder` wrote, or that checkpoint's
/// own folder. An Error when it holds no decoder. Collective.
std::string find_decoder(const std::string& folder, Communicator& comm, const Log& log);

/// The card in a checkpoint. An Error when there is none. Collective.
DecoderCard load_decoder_card(const std::string& checkpoint, Communicator& comm);

/// The shape of a decoder of `model` for blocks of this size.
DecoderShape decoder_shape(const WholeModel& model, const BlockSize& block,
                           const BlockDecoderConfig& sizes);

/// The decoder in a checkpoint, ready to be asked. An Error when it was trained for another
/// network than `model`, or says so of its sizes, or holds other weights. Collective.
std::unique_ptr<DecoderNetwork> open_decoder(const std::string& checkpoint, const DecoderCard& card,
                                             WholeModel& model, Communicator& comm);

}  // namespace ijepa
