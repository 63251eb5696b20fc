#include "pickle_globals.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "element.hpp"

namespace ijepa {
namespace {

using Kind = PickleGlobal::Kind;

struct GlobalRow {
  std::string_view module, name;
  Kind kind;
};
// Python 2's names of modules are what protocol 2 writes.
constexpr std::array<GlobalRow, 19> global_rows{
    {{"torch._utils", "_rebuild_tensor_v2", Kind::rebuild_tensor},
     {"torch._utils", "_rebuild_tensor_v3", Kind::rebuild_typed_tensor},
     {"torch._utils", "_rebuild_parameter", Kind::rebuild_parameter},
     {"torch._utils", "_rebuild_parameter_with_state", Kind::rebuild_parameter},
     {"torch._tensor", "_rebuild_from_type_v2", Kind::rebuild_subclass},
     {"torch.storage", "UntypedStorage", Kind::untyped},
     {"torch", "UntypedStorage", Kind::untyped},
     {"torch", "Size", Kind::size},
     {"torch", "device", Kind::value},
     {"torch", "Tensor", Kind::value},
     {"torch.nn.parameter", "Parameter", Kind::value},
     {"torch.serialization", "_get_layout", Kind::value},
     {"collections", "OrderedDict", Kind::dictionary},
     {"collections", "Counter", Kind::dictionary},
     {"_codecs", "encode", Kind::value},
     {"__builtin__", "set", Kind::value},
     {"__builtin__", "bytearray", Kind::value},
     {"__builtin__", "complex", Kind::value},
     {"builtins", "set", Kind::value}}};

constexpr std::array<std::string_view, 12> other_dtypes{
    "complex32",     "complex64",   "complex128",      "uint16", "uint32", "uint64",
    "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "quint8", "qint8",  "qint32"};

}  // namespace

std::optional<PickleGlobal> pickle_global(const std::string& module, const std::string& name) {
  const auto full = module + "." + name;
  if (module == "torch") {
    if (const auto element = element_of_torch(name)) return {{Kind::storage, element, full}};
    const auto element = element_named(name);
    if (element || std::ranges::find(other_dtypes, name) != other_dtypes.end())
      return {{Kind::dtype, element, full}};
  }
  const auto row = std::ranges::find_if(
      global_rows, [&](const GlobalRow& r) { return r.module == module && r.name == name; });
  if (row == global_rows.end()) return std::nullopt;
  return {{row->kind, std::nullopt, full}};
}

}  // namespace ijepa
