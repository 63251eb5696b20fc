# Libraries that a build can do without: IJEPA_WITH_ONEDNN, IJEPA_WITH_FAISS. Each has an option:
# ON, OFF, or AUTO for ON where it is found; the end of the configuration says what is lost.
foreach(name ONEDNN FAISS)
  set(IJEPA_${name} AUTO CACHE STRING "${name}: ON, OFF, or AUTO for ON where it is found")
  set_property(CACHE IJEPA_${name} PROPERTY STRINGS AUTO ON OFF)
  set(IJEPA_WITH_${name} OFF)
endforeach()
set(lost_ONEDNN "slower matrix products on processors with AVX-512, bfloat16 ones above all")
set(lost_FAISS "ijepa-search has the exact index alone (--index Flat)")

# Debian's oneDNN package file insists on OpenCL headers, which the CPU library does not need.
if(IJEPA_ONEDNN)
  find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp)
  find_library(DNNL_LIBRARY dnnl)
  if(DNNL_INCLUDE_DIR AND DNNL_LIBRARY)
    set(IJEPA_WITH_ONEDNN ON)
    add_library(DNNL::dnnl UNKNOWN IMPORTED)
    set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_LOCATION ${DNNL_LIBRARY}
                                                INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE_DIR})
  endif()
endif()
if(IJEPA_FAISS)
  find_package(faiss CONFIG QUIET)
  set(IJEPA_WITH_FAISS ${faiss_FOUND})
endif()
foreach(name ONEDNN FAISS)
  if(IJEPA_${name} AND NOT IJEPA_${name} STREQUAL AUTO AND NOT IJEPA_WITH_${name})
    message(FATAL_ERROR "IJEPA_${name} is ${IJEPA_${name}}, but the library is not found: install it, or "
                        "name its prefix in CMAKE_PREFIX_PATH.")
  endif()
endforeach()

# ijepa_without(TARGET FILE...): leaves out of a library what a build without an optional library,
# or one with it, has not.
function(ijepa_without target)
  get_target_property(sources ${target} SOURCES)
  foreach(file ${ARGN})
    list(FILTER sources EXCLUDE REGEX "/${file}$")
  endforeach()
  set_target_properties(${target} PROPERTIES SOURCES "${sources}")
endfunction()

function(ijepa_say_what_is_lost)
  foreach(name ONEDNN FAISS)
    if(NOT IJEPA_WITH_${name})
      string(REPLACE ONEDNN oneDNN library ${name})
      string(REPLACE FAISS Faiss library ${library})
      message(NOTICE "Built without ${library}: ${lost_${name}}.")
    endif()
  endforeach()
endfunction()
