# At installation: the manual page and the completions of `program`, which writes them itself.
# man_folder and data_folder lie below the prefix. A program that was not built has none.
if(EXISTS "${program}")
  get_filename_component(name "${program}" NAME)
  get_filename_component(folder "${program}" DIRECTORY)
  foreach(page "man|${man_folder}/man1|${name}.1"
               "bash|${data_folder}/bash-completion/completions|${name}"
               "zsh|${data_folder}/zsh/site-functions|_${name}"
               "fish|${data_folder}/fish/vendor_completions.d|${name}.fish")
    string(REPLACE "|" ";" page "${page}")
    list(GET page 0 format)
    list(GET page 1 place)
    list(GET page 2 file)
    set(written "${folder}/../generated/${format}/${file}")
    file(MAKE_DIRECTORY "${folder}/../generated/${format}")
    execute_process(COMMAND "${program}" --print ${format} OUTPUT_FILE "${written}" RESULT_VARIABLE status)
    if(status EQUAL 0)
      file(INSTALL DESTINATION "${CMAKE_INSTALL_PREFIX}/${place}" TYPE FILE FILES "${written}")
    else()
      # Built for another processor, perhaps.
      message(WARNING "${name} does not run here (${status}), so its ${format} page is not installed.")
    endif()
  endforeach()
endif()
