# Spack 1.0 or newer, from the top of the project:
#   spack repo add jobs/spack/spack_repo/ijepa
#   spack dev-build ijepa@main ^openmpi schedulers=slurm     (or ^cray-mpich, ^mpich, ...)
from spack.package import *
from spack_repo.builtin.build_systems.cmake import CMakePackage
from spack_repo.builtin.build_systems.cuda import CudaPackage


class Ijepa(CMakePackage, CudaPackage):
    """Pretrains vision transformers by I-JEPA on CPUs and GPUs under MPI."""

    license("Apache-2.0")

    version("main")

    depends_on("cxx", type="build")
    depends_on("cmake@3.22:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi")
    depends_on("hdf5~mpi")
    depends_on("onednn@2.7: cpu_runtime=omp")
    depends_on("opencv+imgcodecs+imgproc+videoio+ffmpeg+png+jpeg")
    depends_on("faiss@1.7.2:~python")
    depends_on("blas")
    depends_on("lapack")
    depends_on("libjpeg-turbo")
    depends_on("libpng")
    depends_on("zlib-api")
    depends_on("libwebp+libwebpdemux")
    depends_on("libtiff")
    depends_on("giflib")
    depends_on("libarchive")
    depends_on("libzip")
    depends_on("xxhash")
    depends_on("utf8proc")
    depends_on("fmt@9:")
    depends_on("tomlplusplus")
    depends_on("cli11")
    depends_on("nlohmann-json")
    depends_on("protobuf@3.12:")
    with when("+cuda"):
        depends_on("cudnn@9:", type="build")  # headers; the library is opened when a GPU is used
        depends_on("nccl@2.18:", type="build")

    generator("ninja")

    def cmake_args(self):
        return [
            self.define("IJEPA_TESTS", False),
            self.define("IJEPA_BENCHMARKS", False),
            self.define("IJEPA_CUDA", "ON" if self.spec.satisfies("+cuda") else "OFF"),
        ]
