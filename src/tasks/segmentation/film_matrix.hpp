// Film matrix: how an MP4 or QuickTime file says that its pictures are to be turned (ISO/IEC
// 14496-12, 8.3.2). Read here because video libraries do not agree: OpenCV 4.6 turns the wrong way,
// and with newer FFmpeg some versions do not turn at all. Private to the folder.
#pragma once
#include <array>
#include <optional>
#include <string>

namespace ijepa {

/// As an EXIF orientation (data/orientation.hpp), of the first film track. Nothing for a file of
/// another kind or without such a track.
std::optional<int> film_orientation(const std::string& path);

/// Of a matrix that takes (x, y) to (a x + c y, b x + d y): the nearest of the eight.
int orientation_of(const std::array<double, 4>& abcd);

}  // namespace ijepa
