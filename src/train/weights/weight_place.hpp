// Where weights lie that are named by a file or a folder, and what a file is that holds none.
#pragma once
#include <string>
#include <string_view>

namespace ijepa {

/// The file of weights, or the index of several, that `path` names: itself, or the one in a folder
/// as Hugging Face and timm lay it out, or the one snapshot in Hugging Face's cache of a model. An
/// Error says what else a folder is, and the option that takes it.
std::string weights_in(const std::string& path);

/// Whether a folder has such files, without an Error.
bool has_weights(const std::string& folder);

/// An Error about a file that begins with these bytes and is neither a torch archive nor
/// safetensors: what it is and what to do.
[[noreturn]] void refuse_as_weights(const std::string& path, std::string_view start);

/// "NAME-00002-of-00003.safetensors" -> true; such a file is a part of the weights.
bool is_one_of_several(const std::string& path);

}  // namespace ijepa
