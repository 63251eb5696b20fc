// WeightFile: a file of named tensors in another program's format, opened without reading them.
// What it claims about itself is checked before anything is allocated by it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace ijepa {

/// Element types that such files may hold.
enum class Element : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };
std::size_t size_of(Element element);
const char* name_of(Element element);

struct FileTensor {
  std::string name;  // parts of nested names are joined by '/'
  Element element = Element::f32;
  std::vector<std::int64_t> shape;  // empty: one number

  std::uint64_t bytes() const;
};
std::string describe(const FileTensor& tensor);  // "float32 (3, 4)"

/// A value that is no tensor; monostate: none.
using FileScalar = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

class WeightFile {
 public:
  explicit WeightFile(std::string path) : path_(std::move(path)) {}
  virtual ~WeightFile() = default;
  WeightFile(const WeightFile&) = delete;
  WeightFile& operator=(const WeightFile&) = delete;

  virtual const char* format() const = 0;  // for people
  /// The elements, row-major; `out` has tensor.bytes() bytes. An Error if they cannot be had.
  virtual void read(const FileTensor& tensor, std::span<std::byte> out) = 0;
  /// Of all tensors' bytes, from the checksums that the format keeps or else by reading them.
  virtual std::uint64_t fingerprint() = 0;

  /// What the file itself says of its model, as a JSON object with names of Hugging Face's
  /// config.json and preprocessor_config.json; empty: nothing.
  virtual std::string description() { return {}; }

  const std::string& path() const { return path_; }
  const std::vector<FileTensor>& tensors() const { return tensors_; }
  const FileTensor* find(const std::string& name) const;  // null: none
  const std::map<std::string, FileScalar>& scalars() const { return scalars_; }
  /// A number among the scalars, or `otherwise`.
  double number(const std::string& name, double otherwise) const;

 protected:
  /// Takes over the list. An Error for two tensors of one name, or one with more bytes than the
  /// file.
  void set_tensors(std::vector<FileTensor> tensors, std::uint64_t file_bytes);
  std::map<std::string, FileScalar> scalars_;

 private:
  std::string path_;
  std::vector<FileTensor> tensors_;
  std::map<std::string, std::size_t> index_;
};

/// A torch zip archive or a safetensors file, told apart by their first bytes; the index of several
/// such files (NAME.index.json); or a folder with one of these, as Hugging Face and timm make it.
/// An Error for anything else, by what it is, and for files that are damaged or hostile.
std::unique_ptr<WeightFile> open_weight_file(const std::string& path);

/// The elements of a floating-point tensor as float32. An Error for other element types.
void read_as_float(WeightFile& file, const FileTensor& tensor, std::span<float> out);

}  // namespace ijepa
