# Spack 1.0 or newer, from the top of the project:
#   spack repo add jobs/spack/spack_repo/ijepa
#   spack install ijepa ^openmpi schedulers=slurm      the newest release; (or ^cray-mpich, ^mpich, ...)
#   spack dev-build ijepa@main                         what lies here, changes included
#   spack test run ijepa
import pathlib

from spack.package import *
from spack_repo.builtin.build_systems.cmake import CMakePackage
from spack_repo.builtin.build_systems.cuda import CudaPackage

PROGRAMS = ("classify", "infer", "inspect", "plot", "predict", "pretrain", "probe", "search", "segment",
            "shards", "synth", "weights")


class Ijepa(CMakePackage, CudaPackage):
    """Pretrains vision transformers by I-JEPA on CPUs and GPUs under MPI."""

    # The clone that this recipe lies in: releases are its tags.
    git = pathlib.Path(__file__).resolve().parents[6].as_uri()

    license("Apache-2.0")

    version("main", branch="main")
    version("0.2.0", tag="v0.2.0")

    variant("onednn", default=True, description="Faster matrix products on processors with AVX-512")
    variant("faiss", default=True, description="Approximate indices of ijepa-search")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.22:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi")
    depends_on("hdf5~mpi")
    depends_on("onednn@2.7: cpu_runtime=omp", when="+onednn")
    depends_on("opencv+imgcodecs+imgproc+videoio+ffmpeg+png+jpeg")
    with when("+faiss"):
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
            self.define_from_variant("IJEPA_ONEDNN", "onednn"),
            self.define_from_variant("IJEPA_FAISS", "faiss"),
        ]

    def setup_run_environment(self, env):
        env.set("IJEPA_BIN", self.prefix.bin)  # where the batch scripts of jobs/ look

    def test_versions(self):
        """every program starts and tells its version"""
        for name in PROGRAMS:
            with test_part(self, f"test_versions_{name}", purpose=f"ijepa-{name} --version"):
                program = Executable(self.prefix.bin.join(f"ijepa-{name}"))
                out = program("--version", output=str.split, error=str.split)
                assert f"ijepa-{name} " in out

    def test_small_run(self):
        """drawn images are packed and ten steps are trained, on one rank"""

        def run(name, *words):
            program = Executable(self.prefix.bin.join(f"ijepa-{name}"))
            return program(*words, output=str.split, error=str.split)

        run("synth", "--out", "images", "--classes", "2", "--train", "16", "--test", "4", "--size", "64")
        run("shards", "images", "--out", "shards")
        settings = ["data.shards=shards/train", "run.dir=run", "optim.max_steps=10", "optim.global_batch=16",
                    "run.log_every=10"]
        out = run("pretrain", self.prefix.share.ijepa.configs.join("synthetic.toml"),
                  *(word for setting in settings for word in ("--set", setting)))
        assert "step 10/10" in out
