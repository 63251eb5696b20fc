# What --version tells (build_info.cpp): the parts at configuration, the commit at every build.

# header_version(RESULT FILE PREFIX...): the macros PREFIX_MAJOR ... of a header as "1.2.3".
function(header_version result file)
  set(numbers "")
  foreach(macro ${ARGN})
    file(STRINGS ${file} line REGEX "^#define +${macro} +[0-9]+" LIMIT_COUNT 1)
    string(REGEX REPLACE "^#define +${macro} +([0-9]+).*" "\\1" number "${line}")
    list(APPEND numbers ${number})
  endforeach()
  list(JOIN numbers "." version)
  set(${result} "${version}" PARENT_SCOPE)
endfunction()

set(onednn "none")
if(IJEPA_WITH_ONEDNN)
  header_version(onednn ${DNNL_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h
                 DNNL_VERSION_MAJOR DNNL_VERSION_MINOR DNNL_VERSION_PATCH)
endif()
set(cuda "none")
set(cudnn "none")
set(nccl "none")
if(IJEPA_WITH_CUDA)
  set(cuda "${CUDAToolkit_VERSION}, for ${CMAKE_CUDA_ARCHITECTURES}")
  string(REPLACE ";" " and " cuda "${cuda}")
  header_version(cudnn ${CUDNN_INCLUDE_DIR}/cudnn_version.h CUDNN_MAJOR CUDNN_MINOR CUDNN_PATCHLEVEL)
  header_version(nccl ${NCCL_INCLUDE_DIR}/nccl.h NCCL_MAJOR NCCL_MINOR NCCL_PATCH)
endif()
set(compiler "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}, ${CMAKE_BUILD_TYPE}")
if(IJEPA_SANITIZE)
  string(APPEND compiler ", -fsanitize=${IJEPA_SANITIZE}")
endif()
# "Open MPI v4.1.4, package: ...", "MPICH Version: 4.0 ..."
string(REGEX MATCH "^[^,\n]*" mpi "${MPI_C_LIBRARY_VERSION_STRING}")
if(NOT mpi)
  set(mpi "a library of MPI ${MPI_C_VERSION}")
endif()
set_property(SOURCE cli/build_info.cpp PROPERTY COMPILE_DEFINITIONS
  "IJEPA_VERSION=\"${PROJECT_VERSION}\"" "IJEPA_COMPILER=\"${compiler}\"" "IJEPA_MPI=\"${mpi}\""
  "IJEPA_HDF5=\"${HDF5_VERSION}\"" "IJEPA_ONEDNN=\"${onednn}\"" "IJEPA_CUDA=\"${cuda}\""
  "IJEPA_CUDNN=\"${cudnn}\"" "IJEPA_NCCL=\"${nccl}\"")

set(commit_file ${CMAKE_BINARY_DIR}/generated/commit.cpp)
add_custom_target(ijepa_commit
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DOUT=${commit_file}
          -P ${CMAKE_CURRENT_SOURCE_DIR}/cli/commit.cmake
  BYPRODUCTS ${commit_file} COMMENT "Commit of the checkout")
target_sources(ijepa_cli PRIVATE ${commit_file})
add_dependencies(ijepa_cli ijepa_commit)
# What changes with every commit is compiled alone, and needs none of CLI11.
set_source_files_properties(${commit_file} cli/build_info.cpp PROPERTIES
                            SKIP_UNITY_BUILD_INCLUSION ON SKIP_PRECOMPILE_HEADERS ON)
