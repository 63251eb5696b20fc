# What cpack makes of an installation: a package of this distribution. jobs/package.sh calls it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ijepa)
set(CPACK_PACKAGE_VENDOR "the ijepa developers")
set(CPACK_PACKAGE_CONTACT "the ijepa developers <ijepa@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "self-supervised pretraining of vision transformers by I-JEPA")
set(CPACK_PACKAGE_DESCRIPTION "Programs that pretrain a vision transformer on a folder of images without labels, and judge and
use its features: probes, classifiers, segmentation, nearest images. On CPUs, alone or on the ranks of MPI.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
# Dependencies are what the programs are linked with, as dpkg-shlibdeps finds it.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS openmpi-bin)
include(CPack)
