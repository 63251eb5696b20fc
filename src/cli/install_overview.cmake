# At installation: the page ijepa(7), which lists the programs by what they are for, as README.md does.
file(STRINGS "${source_folder}/README.md" rows REGEX "^\\| ijepa-")
set(page ".TH IJEPA 7 \"\" \"ijepa ${version}\"
.SH NAME
ijepa \\- pretrain vision transformers by I\\-JEPA, judge and use their features
.SH PROGRAMS
Each has a manual page of its own, and examples in its \\-\\-help.
")
foreach(row IN LISTS rows)
  string(REGEX MATCH "^\\| (ijepa-[a-z]+) \\| (.*) \\|$" row "${row}")
  set(name "${CMAKE_MATCH_1}")
  string(REGEX REPLACE " \\(docs/[^)]*\\)" "" text "${CMAKE_MATCH_2}")
  string(REPLACE "-" "\\-" text "${text}")
  string(REPLACE "-" "\\-" name "${name}")
  string(APPEND page ".TP\n.BR ${name} (1)\n${text}\n")
endforeach()
string(APPEND page ".SH SEE ALSO\nThe pages in ${CMAKE_INSTALL_PREFIX}/${doc_folder}/docs: tutorial.md from
photographs to a classifier, troubleshooting.md when something is not as expected.\n")
file(WRITE "${build_folder}/generated/man/ijepa.7" "${page}")
file(INSTALL DESTINATION "${CMAKE_INSTALL_PREFIX}/${man_folder}/man7" TYPE FILE
     FILES "${build_folder}/generated/man/ijepa.7")
