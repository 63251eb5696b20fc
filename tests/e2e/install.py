#!/usr/bin/env python3
"""What `cmake --install` makes of the programs that were built: each tells its version and its
examples, man shows its page, TAB in bash, zsh and fish completes its command line, and `module load`
finds them. And the Debian package of them.
usage: install.py BUILD_FOLDER"""
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time

BUILD = pathlib.Path(sys.argv[1]).resolve()
SECONDS = 30  # until an answer that does not come is a failure
found = []


def fail_unless(condition, text):
    if not condition:
        found.append(text)


def run(words, **more):
    return subprocess.run([str(word) for word in words], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **more)


def help_of(program, command=()):
    return run([program, *command, "--help"]).stdout


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))


def check_words(program):
    """--version and the examples of --help, each of options that there are."""
    version = run([program, "--version"])
    fail_unless(version.returncode == 0 and re.match(
        rf"{program.name} \d+\.\d+\.\d+( \(commit \w+(-dirty)?\))?\n(?s:.*)"
        r"^compiler +\S.*\n^MPI +\S.*\n^HDF5 +\d.*\n^oneDNN +\d", version.stdout, re.MULTILINE),
        f"{program.name} --version: {version.stdout}{version.stderr}")
    text = help_of(program)
    examples = re.findall(r"^  (.*)$", text.partition("Examples:\n")[2], re.MULTILINE)
    fail_unless(examples, f"{program.name} --help has no examples")
    for example in examples:
        words = example.split()
        at = words.index(program.name)
        command = [word for word in words[at + 1:at + 2] if re.search(rf"^  {word}  ", text, re.M)]
        unknown = options_in(" ".join(words[at:])) - options_in(help_of(program, command))
        fail_unless(not unknown, f"{example}: there is no {unknown}")


def man(name, pages):
    shown = run(["man", "-M", pages, "--warnings", "-E", "UTF-8", name],
                env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"})
    fail_unless(shown.returncode == 0 and not shown.stderr, f"man {name}: {shown.stderr}")
    return re.sub(".\b", "", shown.stdout)


def check_overview(programs, pages):
    """man ijepa says what each of the programs is for."""
    text = man("ijepa", pages)
    lacking = [program.name for program in programs if not re.search(rf"{program.name}\(1\)\s+\w", text)]
    fail_unless(not lacking, f"man ijepa does not tell of {lacking}: {text}")


def check_page(program, pages):
    page = pages / "man1" / f"{program.name}.1"
    text = man(program.name, pages)
    commands = re.findall(r"^  (\w+)  ", help_of(program).partition("Subcommands:")[2].partition("\nExamples")[0], re.M)
    for command in [(), *((name,) for name in commands)]:
        missing = options_in(help_of(program, command)) - options_in(text)
        fail_unless(not missing, f"man {program.name} does not tell of {missing}")
    name = run(["lexgrog", page])
    fail_unless(name.returncode == 0, f"whatis would not find {program.name}: {name.stderr}")


# Where the distribution's Environment Modules or Lmod teach a shell `module`.
MODULES = [pathlib.Path(path) for path in ("/usr/share/modules/init/bash", "/usr/share/lmod/lmod/init/bash",
                                           "/etc/profile.d/modules.sh", "/etc/profile.d/lmod.sh")]


def check_module(prefix, programs):
    """module load finds the programs and their completions, module unload leaves what was there."""
    init = next(path for path in MODULES if path.exists())
    lines = [f". {init}", f"module use {prefix}/share/modulefiles", "echo before $PATH", "module load ijepa",
             *(f"command -v {program.name}" for program in programs), "echo data $XDG_DATA_DIRS",
             "echo bin $IJEPA_BIN", "module help ijepa 2>&1", "module unload ijepa", "echo after $PATH",
             "echo none ${IJEPA_BIN:-}"]
    done = run(["bash", "--noprofile", "--norc", "-c", "\n".join(lines)],
               env={"PATH": "/usr/bin:/bin", "HOME": str(prefix), "TERM": "dumb"})
    said = done.stdout.splitlines()
    for line in [*map(str, programs), f"data {prefix}/share:/usr/local/share:/usr/share", f"bin {prefix}/bin", "none"]:
        fail_unless(line in said, f"module: {line} is missing in {done.stdout}{done.stderr}")
    paths = {line.split()[0]: line.split()[1] for line in said if line.startswith(("before ", "after "))}
    fail_unless(len(paths) == 2 and paths["before"] == paths["after"], f"module unload: {paths}")
    fail_unless("pretrains vision transformers" in done.stdout, f"module help: {done.stdout}")


# What is typed before TAB, and words that the answer holds.
CASES = [("ijepa-probe --enc", ["--encoder"]), ("ijepa-probe --encoder ", ["target", "context"]),
         ("ijepa-probe --encoder=ta", ["--encoder=target"]), ("ijepa-probe --run ru", ["runs/"]),
         ("ijepa-pretrain re", ["recipe.toml"]), ("ijepa-segment ", ["train", "infer", "video"]),
         ("ijepa-segment vi", ["video"]), ("ijepa-plot rep", ["report"]),
         ("ijepa-plot reci", ["recipe.toml"]), ("ijepa-classify train --fine", ["--fine-tune"]),
         ("ijepa-pretrain recipe.toml --set optim.warmup_e", ["optim.warmup_epochs="]),
         ("ijepa-pretrain --set model.init=", ["authors", "xavier"])]
# zsh does not look behind the = of an option that takes several values.
NOT_ZSH = [("ijepa-pretrain --set=mask.comp", ["--set=mask.compat="])]


class Typist:
    """A person at a shell in a terminal."""

    def __init__(self, words, setup, environment, folder):
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.chdir(folder)
            os.execvpe(words[0], words, environment)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 100, 240, 0, 0))
        self.type(setup + "; echo rea''dy\n")
        self.read_until(["ready"])

    def type(self, text):
        os.write(self.terminal, text.encode())

    def read_until(self, words):
        """What the terminal shows until it shows all words, or is late."""
        text, end = "", time.monotonic() + SECONDS
        while time.monotonic() < end and not all(word in text for word in words):
            if select.select([self.terminal], [], [], 0.2)[0]:
                text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", os.read(self.terminal, 65536).decode(errors="replace"))
        return text

    def complete(self, typed, words):
        """The answer alone: what was typed is echoed before TAB is pressed."""
        self.type(typed)
        self.read_until([typed.split()[-1]])
        self.type("\t")
        new = [word.removeprefix(typed.split(" ")[-1]) for word in words]
        text = self.read_until(new)
        self.type("\x15\x0c")  # an empty line again
        fail_unless(all(word in text for word in new), f"{typed}TAB: {words} expected, there came {text!r}")

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.child, 0)


def check_bash(prefix, folder, environment):
    shell = Typist(["bash", "--norc", "--noprofile", "-i"],
                   "bind 'set show-all-if-ambiguous on' 'set completion-query-items 0' 'set page-completions off'"
                   "; bind 'set enable-bracketed-paste off'; . /usr/share/bash-completion/bash_completion",
                   environment, folder)
    for case in CASES + NOT_ZSH:
        shell.complete(*case)
    shell.close()


def check_zsh(prefix, folder, environment):
    functions = prefix / "share/zsh/site-functions"
    shell = Typist(["zsh", "-f", "-i"], f"PS1='> '; fpath=({functions} $fpath); autoload -U compinit; compinit -u -D",
                   environment, folder)
    for case in CASES:
        shell.complete(*case)
    shell.close()


def check_fish(prefix, folder, environment):
    for typed, words in CASES + NOT_ZSH:
        answer = run(["fish", "-c", f"complete -C '{typed}'"], env=environment, cwd=folder)
        given = {line.split("\t")[0] for line in answer.stdout.splitlines()}
        for word in words:
            fail_unless(any(line.endswith(word) for line in given), f"fish, {typed}: {given} {answer.stderr}")


def check_package(scratch):
    """Every program and what they are linked with; a program that was not built is named."""
    script = pathlib.Path(__file__).resolve().parents[2] / "jobs/package.sh"
    names = (BUILD / "programs.txt").read_text(encoding="utf-8").split()
    made = run(["bash", script, "--build", BUILD, "--out", scratch / "package"])
    if not all((BUILD / "bin" / name).exists() for name in names):
        fail_unless(made.returncode == 1 and "there is no program" in made.stderr, f"package.sh: {made.stderr}")
        return
    files = list((scratch / "package").glob("ijepa_*.deb"))
    if made.returncode or len(files) != 1:
        found.append(f"package.sh: {made.stdout}{made.stderr}")
        return
    depends = run(["dpkg-deb", "-f", files[0], "Depends"]).stdout
    fail_unless(all(name in depends for name in ("libc6", "libhdf5", "libopencv-core", "libdnnl")), depends)
    content = run(["dpkg-deb", "-c", files[0]]).stdout
    wanted = [f"/usr/bin/{name}" for name in names] + [f"/usr/share/man/man1/{name}.1" for name in names]
    wanted += ["/usr/share/ijepa/configs/synthetic.toml", "/usr/share/doc/ijepa/docs/tutorial.md"]
    missing = [name for name in wanted if name not in content]
    fail_unless("modulefiles" not in content, "a package of the distribution has a modulefile")
    fail_unless(not missing, f"{files[0].name} lacks {missing}")


def main():
    shells = {"bash": check_bash, "zsh": check_zsh, "fish": check_fish}
    lacking = [] if any(path.exists() for path in MODULES) else ["environment-modules"]
    lacking += [tool for tool in [*shells, "man", "lexgrog", "dpkg-shlibdeps", "file"] if not shutil.which(tool)]
    if not pathlib.Path("/usr/share/bash-completion/bash_completion").exists():
        lacking.append("bash-completion")
    if lacking:
        print(f"[  SKIPPED ] not installed: {', '.join(lacking)}")
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        prefix, folder = pathlib.Path(scratch, "prefix"), pathlib.Path(scratch, "folder")
        done = run(["cmake", "--install", BUILD, "--prefix", prefix])
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        (folder / "runs").mkdir(parents=True)
        (folder / "rungs.txt").write_text("no folder\n", encoding="utf-8")
        (folder / "recipe.toml").write_text("\n", encoding="utf-8")
        programs = sorted((prefix / "bin").iterdir())
        built = sorted(name for name in (BUILD / "programs.txt").read_text(encoding="utf-8").split()
                       if (BUILD / "bin" / name).exists())
        fail_unless([path.name for path in programs] == built, f"installed {programs}, built {built}")
        check_overview(programs, prefix / "share/man")
        for program in programs:
            check_words(program)
            check_page(program, prefix / "share/man")
            for shell, place in (("bash", "bash-completion/completions/{}"), ("zsh", "zsh/site-functions/_{}"),
                                 ("fish", "fish/vendor_completions.d/{}.fish")):
                syntax = run([shell, "-n", prefix / "share" / place.format(program.name)])
                fail_unless(syntax.returncode == 0, f"{shell}, {program.name}: {syntax.stderr}")
        check_module(prefix, programs)
        check_package(pathlib.Path(scratch))
        environment = {"PATH": f"{prefix}/bin:/usr/bin:/bin", "HOME": scratch, "TERM": "dumb", "LC_ALL": "C.UTF-8",
                       "XDG_DATA_DIRS": f"{prefix}/share:/usr/share"}
        for check in shells.values():
            check(prefix, folder, environment)
    print(*found, f"install: {len(programs)} programs, {len(found)} findings", sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
