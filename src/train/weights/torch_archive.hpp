// Torch archives: a zip (64-bit) of one pickle, which describes values and tensors, and one stored
// entry a storage.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "element.hpp"

namespace ijepa {

/// An entry of a torch archive that torch.load() passes over: WeightFile::description().
constexpr const char* description_entry = "extra/ijepa.json";

/// Nested names are joined by '/': "encoder/module.norm.bias", "opt/param_groups/0/lr". An Error
/// above these limits: a pickle of 16 MiB, 16 levels, 1 million values, 256 MiB of their names and
/// texts, and as many bytes of tensors as the file has.
std::unique_ptr<WeightFile> open_torch_archive(const std::string& path);

/// Writes `pickle`, in which the storage of tensors[i] is named i, the tensors, and a description
/// unless it is empty. The file appears whole or not at all.
void write_torch_archive(const std::string& path, const std::string& pickle,
                         const std::vector<OutTensor>& tensors,
                         const std::string& description = {});

}  // namespace ijepa
