#include "onnx_file.hpp"

#include <google/protobuf/io/coded_stream.h>

#include <cstring>
#include <filesystem>
#include <limits>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;
using google::protobuf::io::CodedOutputStream;

constexpr std::uint64_t most_message_bytes =
    std::numeric_limits<std::int32_t>::max();  // of a message
constexpr std::uint64_t least_beside = 1024;
constexpr std::uint64_t page = 4096;  // so that readers can map the tensors

constexpr std::uint32_t length_delimited = 2;  // protobuf's wire type of bytes and messages

/// What stands before a field of so many bytes.
std::string field_head(int number, std::uint64_t bytes) {
  std::array<std::uint8_t, 20> text{};
  const auto tag = static_cast<std::uint32_t>(number) << 3 | length_delimited;
  auto* end = CodedOutputStream::WriteVarint32ToArray(tag, text.data());
  end = CodedOutputStream::WriteVarint64ToArray(bytes, end);
  return {text.begin(), text.begin() + (end - text.data())};
}

onnx::Tensor header_of(const FileTensor& tensor) {
  check(tensor.element == Element::f32, "{} is {}, and ONNX exports are float32.", tensor.name,
        describe(tensor));
  onnx::Tensor header;
  header.set_name(tensor.name);
  header.set_data_type(onnx::Tensor::FLOAT);
  for (const auto size : tensor.shape) header.add_dims(size);
  return header;
}

/// The bytes of one tensor; the next one takes their place.
class Filled {
 public:
  std::span<const std::byte> of(const OutTensor& tensor) {
    bytes_.resize(tensor.tensor.bytes());
    tensor.fill(bytes_);
    return bytes_;
  }

 private:
  std::vector<std::byte> bytes_;
};

/// A file written from its beginning to its end.
class Appended {
 public:
  explicit Appended(const std::string& path) : file_(path) {}
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  void add(std::span<const std::byte> bytes) {
    file_.file().write(at_, bytes.data(), bytes.size());
    at_ += std::ssize(bytes);
  }
  /// The end, moved to a multiple of a page.
  std::int64_t next_page() {
    const auto over = at_ % static_cast<std::int64_t>(page);
    if (over != 0) at_ += static_cast<std::int64_t>(page) - over;
    return at_;
  }
  void publish() { file_.publish(); }

 private:
  TemporaryFile file_;
  std::int64_t at_ = 0;
};

/// A weight as a field of the graph, all but its bytes.
std::string weight_head(const FileTensor& tensor) {
  const auto header = header_of(tensor).SerializeAsString();
  const auto raw = field_head(onnx::Tensor::kRawDataFieldNumber, tensor.bytes());
  return field_head(onnx::Graph::kInitializerFieldNumber,
                    header.size() + raw.size() + tensor.bytes()) +
         header + raw;
}

/// Moves the larger weights to a file of their own and names them in the graph. Returns the others.
std::vector<OutTensor> write_beside(const std::string& path, onnx::Graph& graph,
                                    const std::vector<OutTensor>& weights) {
  Appended out(path);
  Filled filled;
  std::vector<OutTensor> small;
  const auto note = [](onnx::Tensor& tensor, const char* key, const std::string& value) {
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  };
  for (const auto& weight : weights) {
    if (weight.tensor.bytes() < least_beside) {
      small.push_back(weight);
      continue;
    }
    auto& tensor = *graph.add_initializer();
    tensor = header_of(weight.tensor);
    tensor.set_data_location(onnx::Tensor::EXTERNAL);
    note(tensor, "location", fs::path(path).filename().string());
    note(tensor, "offset", std::to_string(out.next_page()));
    note(tensor, "length", std::to_string(weight.tensor.bytes()));
    out.add(filled.of(weight));
  }
  out.publish();
  return small;
}

/// The model in one file. False, with nothing written, when it is longer than a message may be.
bool write_whole(const std::string& path, const onnx::Model& model,
                 const std::vector<OutTensor>& weights) {
  const auto graph = model.graph().SerializeAsString();
  auto frame = model;
  frame.clear_graph();
  const auto text = frame.SerializeAsString();
  std::uint64_t graph_bytes = graph.size();
  for (const auto& weight : weights)
    graph_bytes += weight_head(weight.tensor).size() + weight.tensor.bytes();
  const auto head = field_head(onnx::Model::kGraphFieldNumber, graph_bytes);
  if (text.size() + head.size() + graph_bytes > most_message_bytes) return false;
  Appended out(path);
  Filled filled;
  out.add(text);
  out.add(head);
  out.add(graph);
  for (const auto& weight : weights) {
    out.add(weight_head(weight.tensor));
    out.add(filled.of(weight));
  }
  out.publish();
  return true;
}

}  // namespace

std::string write_onnx(const std::string& path, onnx::Model model,
                       const std::vector<OutTensor>& weights, bool beside) {
  if (!beside && write_whole(path, model, weights)) return {};
  const std::string second = path + ".data";
  check(!fs::exists(fs::symlink_status(second)),
        "{} exists already; the weights go into a file of that name, and exports replace nothing.",
        second);
  try {
    const auto small = write_beside(second, *model.mutable_graph(), weights);
    check(write_whole(path, model, small), "The graph of {} is too large for ONNX.", path);
  } catch (...) {
    std::error_code error;
    fs::remove(second, error);
    throw;
  }
  return second;
}

}  // namespace ijepa
