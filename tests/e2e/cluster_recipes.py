#!/usr/bin/env python3
"""What jobs/ has for clusters agrees with what CMake builds: versions, options, programs and libraries of the
Spack package, the EasyBuild easyconfig and the container recipes; and ReFrame runs its small test.
usage: cluster_recipes.py BIN_FOLDER, where tests/python_packages.sh has installed ReFrame"""
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import types

from built_python import PYTHON, needed

with needed():
    import reframe  # noqa: F401  only started, as a program

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.argv[1]).resolve()
# What CMake looks for -> its package in Spack and in EasyBuild; None: comes with another one, or is left out.
LIBRARIES = {"MPI": ("mpi", None), "HDF5": ("hdf5", "HDF5"), "OpenCV": ("opencv", "OpenCV"),
             "CLI11": ("cli11", "CLI11"), "fmt": ("fmt", "fmt"), "tomlplusplus": ("tomlplusplus", "tomlplusplus"),
             "Protobuf": ("protobuf", "protobuf"), "PkgConfig": ("pkgconfig", "pkgconf"),
             "libjpeg": ("libjpeg-turbo", "libjpeg-turbo"), "libpng": ("libpng", "libpng"),
             "libwebp": ("libwebp", "libwebp"), "libtiff-4": ("libtiff", "LibTIFF"), "GIF": ("giflib", "giflib"),
             "ZLIB": ("zlib-api", "zlib"), "libarchive": ("libarchive", "libarchive"), "libzip": ("libzip", "libzip"),
             "libxxhash": ("xxhash", "xxHash"), "libutf8proc": ("utf8proc", "utf8proc"),
             "nlohmann_json": ("nlohmann-json", "nlohmann_json"), "faiss": ("faiss", None), "DNNL": ("onednn", None),
             "Threads": (None, None), "OpenMP": (None, None), "CUDAToolkit": ("cuda", None)}
# Beside libraries: what compiles, and what Faiss and GPUs ask for.
TOOLS = {"c", "cxx", "cmake", "ninja", "blas", "lapack", "cudnn", "nccl", "CMake", "Ninja"}
problems = []


def expect(good, text):
    if not good:
        problems.append(text)


def read(name):
    return (SOURCE / name).read_text(encoding="utf-8")


def cmake():
    """(version, options, programs, libraries) of the project itself."""
    lists = [path.read_text(encoding="utf-8") for path in
             [SOURCE / "CMakeLists.txt", *SOURCE.glob("src/**/CMakeLists.txt"), SOURCE / "src/optional_libraries.cmake",
              SOURCE / "data_tools/CMakeLists.txt"]]
    text = "\n".join(lists)
    options = set(re.findall(r"option\((IJEPA_\w+)", text)) | set(re.findall(r"set\((IJEPA_\w+) .*CACHE", text))
    options |= {f"IJEPA_{name}" for name in re.search(r"foreach\(name ([A-Z ]+)\)", text).group(1).split()}
    libraries = set(re.findall(r"find_package\((\w+)", text)) | {"DNNL"}
    for modules in re.findall(r"pkg_check_modules\(\w+ REQUIRED IMPORTED_TARGET ([\w -]+)\)", text):
        libraries.add(modules.split()[-1])
    programs = set(re.findall(r"ijepa_program\(([a-z]+)", text)) - {"name"}
    return re.search(r"project\(\w+ VERSION ([\d.]+)", text).group(1), options, programs, libraries


class Directives(dict):
    """The names that a Spack package is written with; what it says of itself is kept."""

    def __init__(self):
        super().__init__()
        self.versions, self.variants, self.packages = set(), set(), {"cuda"}  # of CudaPackage

        class Base:
            @staticmethod
            def define(name, value):
                return f"-D{name}={value}"

            def define_from_variant(self, name, variant):
                return f"-D{name}=<{variant}>"

            spec = types.SimpleNamespace(satisfies=lambda text: False)

        self.base = Base
        self.update(version=lambda number, **_: self.versions.add(number),
                    variant=lambda name, **_: self.variants.add(name),
                    depends_on=lambda spec, **_: self.packages.add(re.match(r"[\w-]+", spec).group()),
                    when=lambda condition: contextlib.nullcontext(), license=lambda name: None,
                    generator=lambda name: None)


def spack_package():
    path = SOURCE / "jobs/spack/spack_repo/ijepa/packages/ijepa/package.py"
    said = Directives()
    package = types.ModuleType("spack.package")
    package.__dict__.update(said)
    package.__all__ = list(said)
    for name, module in {"spack": types.ModuleType("spack"), "spack.package": package}.items():
        sys.modules[name] = module
    for name in ("", ".builtin", ".builtin.build_systems", ".builtin.build_systems.cmake",
                 ".builtin.build_systems.cuda"):
        sys.modules["spack_repo" + name] = types.ModuleType("spack_repo" + name)
    sys.modules["spack_repo.builtin.build_systems.cmake"].CMakePackage = said.base
    sys.modules["spack_repo.builtin.build_systems.cuda"].CudaPackage = type("CudaPackage", (), {})
    scope = {"__file__": str(path)}
    exec(compile(path.read_text(encoding="utf-8"), path, "exec"), scope)
    return said, scope["PROGRAMS"], scope["Ijepa"]().cmake_args()


def easyconfig():
    path = next((SOURCE / "jobs/easybuild").glob("*.eb"))
    said = {"SOURCELOWER_TAR_GZ": ""}
    exec(compile(path.read_text(encoding="utf-8"), path, "exec"), said)
    return path.name, said


def check_libraries(recipe, packages, wanted):
    expect(not wanted - packages, f"{recipe} lacks {sorted(wanted - packages)}")
    expect(not packages - wanted - TOOLS, f"{recipe} names {sorted(packages - wanted - TOOLS)}, which nothing needs")


def check_recipes():
    version, options, programs, libraries = cmake()
    expect(libraries == set(LIBRARIES), f"CMake looks for {sorted(libraries ^ set(LIBRARIES))}: add them to the recipes")
    package, package_programs, arguments = spack_package()
    check_libraries("Spack's package", package.packages, {spack for spack, _ in LIBRARIES.values() if spack})
    name, config = easyconfig()
    named = {entry[0] for entry in config["builddependencies"] + config["dependencies"]}
    check_libraries(name, named, {easybuild for _, easybuild in LIBRARIES.values() if easybuild})
    for recipe, found in (("Spack's package", set(package_programs)), (name, set(config["_programs"]))):
        expect(found == programs, f"{recipe}: programs {sorted(found ^ programs)}")
    containers = "".join(read(f"jobs/{recipe}.def") for recipe in ("ijepa", "ijepa_cuda"))
    used = set(re.findall(r"-D(IJEPA_\w+)", " ".join([*arguments, config["configopts"], containers])))
    expect(used and used <= options, f"CMake has no {sorted(used - options)}")
    expect({"onednn", "faiss"} <= package.variants, f"Spack's variants are {sorted(package.variants)}")
    expect(package.versions == {"main", version}, f"Spack's versions are {sorted(package.versions)}, not {version}")
    expect(config["version"] == version and version in name, f"{name} is of version {config['version']}")
    expect(f"version: {version}" in read("CITATION.cff"), "CITATION.cff has another version")
    expect(version in read("docs/changes.md"), f"docs/changes.md does not tell of {version}")


def run_reframe():
    """The small test with one rank, started as a site would."""
    def reframe_run(*words):
        done = subprocess.run([str(PYTHON.parent / "reframe"), "-c", str(SOURCE / "jobs/reframe"), *words], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=200, env=environment)
        return done.returncode, done.stdout

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        environment = {**os.environ, "RFM_PREFIX": folder}
        code, listed = reframe_run("--list")
        expect(code == 0 and all(f"Ijepa{name}" in listed for name in ("QuickStart", "Tests", "SmallRun")),
               f"reframe --list\n{listed}")
        code, ran = reframe_run("-r", "-n", "IjepaSmallRun", "-S", f"IjepaSmallRun.programs={BIN}",
                                "--performance-report")
        expect(code == 0 and "PASSED" in ran and "images/s" in ran, f"reframe -r\n{ran}")
        os.chdir("/")


def main():
    check_recipes()
    run_reframe()
    print(*problems, f"cluster recipes: {len(problems)} problems", sep="\n")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
