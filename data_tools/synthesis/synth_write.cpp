#include "data_tools/synthesis/synth_write.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/parallel.hpp"

namespace ijepa::synth {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

constexpr int jpeg_quality = 95;
constexpr std::int64_t chunk = 512;  // images drawn in parallel before they are written in order

class Sink {
 public:
  virtual ~Sink() = default;
  virtual void add(const std::string& name, const Bytes& bytes) = 0;
  virtual void close() {}
};

class FolderSink : public Sink {
 public:
  explicit FolderSink(fs::path root) : root_(std::move(root)) {}
  void add(const std::string& name, const Bytes& bytes) override {
    const auto path = root_ / name;
    make_folder(path.parent_path().string());
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    file.close();
    check(file.good(), "{} could not be written: is the disk full?", path.string());
  }

 private:
  fs::path root_;
};

class TarSink : public Sink {
 public:
  explicit TarSink(const fs::path& path)
      : name_(path.string()), archive_(archive_write_new(), archive_write_free) {
    archive_write_set_format_ustar(archive_.get());
    expect_ok(archive_write_open_filename(archive_.get(), path.c_str()));
  }
  void add(const std::string& name, const Bytes& bytes) override {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                              archive_entry_free);
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    expect_ok(archive_write_header(archive_.get(), entry.get()));
    check(archive_write_data(archive_.get(), bytes.data(), bytes.size()) ==
              static_cast<la_ssize_t>(bytes.size()),
          "{} could not be written: is the disk full?", name_);
  }
  void close() override { expect_ok(archive_write_close(archive_.get())); }

 private:
  void expect_ok(int code) {
    check(code == ARCHIVE_OK, "{} could not be written: {}.", name_,
          code == ARCHIVE_OK ? "" : archive_error_string(archive_.get()));
  }

  std::string name_;
  std::unique_ptr<archive, decltype(&archive_write_free)> archive_;
};

Bytes encoded(const cv::Mat& rgb, Encoding encoding) {
  cv::Mat bgr;  // the order OpenCV's encoders expect
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  Bytes bytes;
  const bool png = encoding == Encoding::png;
  const std::vector<int> parameters =
      png ? std::vector<int>{} : std::vector<int>{cv::IMWRITE_JPEG_QUALITY, jpeg_quality};
  check(cv::imencode(png ? ".png" : ".jpg", bgr, bytes, parameters),
        "A synthetic image could not be encoded.");
  return bytes;
}

void write_split(const Synth& synth, const WriteOptions& options, Split split, std::int64_t count,
                 Sink& sink) {
  const auto names = synth.class_names();
  const char* folder = split == Split::train ? "train" : "test";
  const char* suffix = options.encoding == Encoding::png ? "png" : "jpg";
  for (std::int64_t first = 0; first < count; first += chunk) {
    std::vector<Bytes> images(static_cast<std::size_t>(std::min(chunk, count - first)));
    parallel_for(images.size(), options.threads, [&](std::size_t i) {
      images[i] =
          encoded(synth.draw(split, first + static_cast<std::int64_t>(i)), options.encoding);
    });
    for (std::size_t i = 0; i < images.size(); ++i) {
      const auto index = first + static_cast<std::int64_t>(i);
      const auto& name = names[static_cast<std::size_t>(synth.label(index))];
      sink.add(fmt::format("{}/{}/{:07}.{}", folder, name, index, suffix), images[i]);
    }
  }
}

}  // namespace

void write_images(const Synth& synth, const WriteOptions& options) {
  check(options.train >= 0 && options.test >= 0 && options.train + options.test > 0,
        "{} training and {} test images were asked for; at least one image must be.", options.train,
        options.test);
  check(!fs::exists(options.out) || (fs::is_directory(options.out) && fs::is_empty(options.out)),
        "{} exists already and is not an empty folder; choose another --out or remove it.",
        options.out.string());
  const fs::path partial = options.out.string() + ".partial";
  std::error_code error;
  fs::remove_all(partial, error);  // left by a run that was killed
  make_folder(partial.string());
  std::unique_ptr<Sink> sink;
  if (options.layout == Layout::tar)
    sink = std::make_unique<TarSink>(partial / "images.tar");
  else
    sink = std::make_unique<FolderSink>(partial);
  write_split(synth, options, Split::train, options.train, *sink);
  write_split(synth, options, Split::test, options.test, *sink);
  sink->close();
  fs::rename(partial, options.out, error);
  check(!error, "{} could not be renamed to {}: {}.", partial.string(), options.out.string(),
        error.message());
}

}  // namespace ijepa::synth
