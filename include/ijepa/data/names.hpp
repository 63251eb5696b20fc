// Names of files and folders as all programs see them: which are hidden, how they are written as
// text, which look alike, and which path an image's key may become below an output folder.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ijepa {

/// The name as one line of UTF-8: bytes that are none and control characters become "\\xE9". Every
/// name from the file system goes through it before it reaches a file, a table or a message.
std::string utf8_name(std::string_view name);
/// The path that utf8_name() wrote as `text` into a file: `text` itself, or, where nothing lies
/// there, with "\\xE9" as that byte again.
std::string path_of_text(const std::string& text);

/// What no program takes for an image, a class or a shard: names that begin with ".", and what
/// systems leave behind (__MACOSX, @eaDir, lost+found, ...). One name, not a path.
bool is_hidden_name(std::string_view name);
/// Whether a part of the path, of folders or file, is hidden.
bool has_hidden_part(std::string_view path);

/// Whether the path is absolute or has a part "..": below a folder it could name a file outside.
bool leads_out(std::string_view path);
/// A key as a path that stays below the folder it is appended to, however it was made: ".." becomes
/// "\\x2E\\x2E"; empty parts and "." go; a part over 200 bytes is shortened and keeps a hash of the
/// whole. Other keys come back as they are.
std::filesystem::path path_of_key(std::string_view key);

/// The path without the ending of its last part: "a.b/c.jpg" becomes "a.b/c", ".x" stays.
std::string_view without_extension(std::string_view path);

/// The text as utf8proc maps it by these of its options; none where it is no UTF-8.
std::optional<std::string> mapped_text(std::string_view text, int how);

/// Equal for two names that people take for one: composed or decomposed letters, any case, blanks
/// at either end. For names in UTF-8.
std::string look_of(std::string_view name);
/// For a message that misses the name among others: " (\"Cat\" and \"cat\" look alike ...)", each
/// spelled_out(); "" if none of them looks like it.
std::string look_alike_note(std::string_view name, const std::vector<std::string>& others);
/// The name in quotes with every byte that is no plain ASCII as "\\xC3".
std::string spelled_out(std::string_view name);

/// A field of a CSV file (RFC 4180): in quotes where a comma, a quote or a line break would be
/// misread.
std::string csv_field(const std::string& text);

}  // namespace ijepa
