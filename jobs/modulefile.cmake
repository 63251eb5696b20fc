# At installation: a modulefile for the prefix, which is absolute in it. A package of the
# distribution, whose programs are in every PATH, has none.
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  get_filename_component(prefix "${CMAKE_INSTALL_PREFIX}" ABSOLUTE)
  configure_file(${source_folder}/jobs/modulefile.in ${build_folder}/generated/modulefile @ONLY)
  file(INSTALL DESTINATION "${CMAKE_INSTALL_PREFIX}/${data_folder}/modulefiles/ijepa" TYPE FILE
       RENAME ${version} FILES ${build_folder}/generated/modulefile)
endif()
