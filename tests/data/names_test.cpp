#include "ijepa/data/names.hpp"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

TEST(Names, BecomeOneLineOfUtf8) {
  EXPECT_EQ(utf8_name("Ürsus 熊.jpg"), "Ürsus 熊.jpg");
  EXPECT_EQ(utf8_name("caf\xE9\n.jpg"), "caf\\xE9\\x0A.jpg");
  EXPECT_EQ(utf8_name("\x7F"), "\\x7F");
  EXPECT_EQ(utf8_name("cut \xE7\x86"), "cut \\xE7\\x86");
  EXPECT_EQ(utf8_name("\xC0\xAF \xE0\x80\xAF"), "\\xC0\\xAF \\xE0\\x80\\xAF") << "overlong";
  EXPECT_EQ(utf8_name("\xED\xA0\x80"), "\\xED\\xA0\\x80") << "a surrogate, which JSON refuses";
  EXPECT_EQ(utf8_name("\xF4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80") << "beyond Unicode";
}

TEST(Names, APathIsFoundAgainByItsText) {
  const TemporaryFolder folder;
  for (const char* name : {"caf\xE9", "plain", "a\\xE9"}) {
    const auto path = (folder.path() / name).string();
    fs::create_directory(path);
    EXPECT_EQ(path_of_text(utf8_name(path)), path);
  }
  EXPECT_EQ(path_of_text("/no/x\\xE9\\x0\\q\\x2"), "/no/x\xE9\\x0\\q\\x2");
}

TEST(Names, HiddenOnes) {
  for (const char* name : {".DS_Store", "._1.jpg", ".ipynb_checkpoints", ".git", "__MACOSX",
                           "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information"})
    EXPECT_TRUE(is_hidden_name(name)) << name;
  for (const char* name : {"cat", "1.jpg", "_x", "@home", "__macosx_tips", "..", ".", ""})
    EXPECT_FALSE(is_hidden_name(name)) << name;
  EXPECT_TRUE(has_hidden_part("a/__MACOSX/b/1.jpg"));
  EXPECT_TRUE(has_hidden_part("a/b/._1.jpg"));
  EXPECT_FALSE(has_hidden_part("a/b/../1.jpg"));
}

TEST(Names, AKeyNeverLeadsOut) {
  for (const char* key : {"../1.jpg", "a/../../1.jpg", "/etc/1.jpg", "a/.."}) {
    EXPECT_TRUE(leads_out(key)) << key;
    const auto path = path_of_key(key);
    EXPECT_TRUE(path.is_relative()) << key;
    EXPECT_FALSE(leads_out(path.string())) << key;
  }
  EXPECT_EQ(path_of_key("a/../../../S.jpg"), fs::path("a/\\x2E\\x2E/\\x2E\\x2E/\\x2E\\x2E/S.jpg"));
  EXPECT_EQ(path_of_key("/etc//./1.jpg"), fs::path("etc/1.jpg"));
  EXPECT_EQ(path_of_key(""), fs::path("unnamed"));
  for (const char* key : {"cat/1.jpg", "1.jpg", "a..b/..c/d...jpg", "熊/x y.jpg"}) {
    EXPECT_FALSE(leads_out(key)) << key;
    EXPECT_EQ(path_of_key(key), fs::path(key)) << "and stays as it is";
  }
}

TEST(Names, LongPartsAreShortenedAndStayApart) {
  const std::string long_name(255, 'x');
  const auto one = path_of_key("a/" + long_name + "1"), other = path_of_key("a/" + long_name + "2");
  EXPECT_EQ(one.parent_path(), "a");
  EXPECT_LE(one.filename().string().size(), 200U);
  EXPECT_NE(one, other);
  std::string bears;
  for (int i = 0; i < 80; ++i) bears += "熊";
  EXPECT_EQ(utf8_name(path_of_key(bears).string()), path_of_key(bears)) << "no cut character";
}

TEST(Names, ThatLookAlike) {
  EXPECT_EQ(look_of("caf\xC3\xA9"), look_of("cafe\xCC\x81"));
  EXPECT_EQ(look_of("Cat"), look_of("cat"));
  EXPECT_EQ(look_of("STRASSE"), look_of("Straße"));
  EXPECT_EQ(look_of("dog "), look_of(" dog"));
  EXPECT_NE(look_of("cat"), look_of("car"));
  EXPECT_NE(look_of("cat 1"), look_of("cat1"));
  EXPECT_EQ(look_alike_note("Cat", {"Cat", "dog"}), "");
  EXPECT_NE(look_alike_note("caf\xC3\xA9", {"dog", "cafe\xCC\x81"})
                .find("(\"caf\\xC3\\xA9\" and \"cafe\\xCC\\x81\" look alike"),
            std::string::npos);
  EXPECT_EQ(spelled_out("caf\xC3\xA9 "), "\"caf\\xC3\\xA9 \"");
}

TEST(Names, EndingsAreThoseOfTheLastPart) {
  EXPECT_EQ(without_extension("a.b/c.jpg"), "a.b/c");
  EXPECT_EQ(without_extension("a.b/c"), "a.b/c");
  EXPECT_EQ(without_extension("a/.x"), "a/.x");
  EXPECT_EQ(without_extension("x.tar.gz"), "x.tar");
}

}  // namespace
}  // namespace ijepa::test
