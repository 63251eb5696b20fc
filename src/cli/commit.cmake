# Writes the commit of SOURCE into the C++ file OUT, and leaves OUT as it is where that is no news.
cmake_minimum_required(VERSION 3.22)
set(commit "")
if(EXISTS ${SOURCE}/.git)
  # Without a lock, so that a build never stands in the way of who commits meanwhile.
  execute_process(COMMAND git --no-optional-locks -C ${SOURCE} describe --always --dirty --exclude=*
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
file(CONFIGURE OUTPUT ${OUT} @ONLY CONTENT
"// Generated at every build.
namespace ijepa {
extern const char* const commit_of_build;
const char* const commit_of_build = \"@commit@\";
}  // namespace ijepa
")
