#!/usr/bin/env bash
# A package that jobs/package.sh made, on a bare Debian: installed by apt in a fresh debootstrap, where a user trains,
# judges and asks, and removed without a trace. By hand, as root; takes minutes and a few hundred MB from the mirror.
# usage: deb.sh FILE.deb [RELEASE]    RELEASE is bookworm unless said
set -euo pipefail
package=$(realpath -e -- "${1:?usage: $0 FILE.deb [RELEASE]}")
release=${2:-bookworm}
((EUID == 0)) || { echo "$0: only root can make a root folder" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "$0: apt install debootstrap first" >&2; exit 2; }

root=$(mktemp -d)
chmod 755 "$root"  # the user inside has to get in
trap 'umount -q "$root/proc" || true; rm -rf --one-file-system "$root"' EXIT
echo "==== a bare $release"
debootstrap --variant=minbase "$release" "$root" >"$root.log" 2>&1 || { tail -n 20 "$root.log"; exit 1; }
rm -f "$root.log"
mount -t proc proc "$root/proc"
# The way to the mirror, where this machine has one of its own.
for file in /etc/apt/apt.conf.d/*proxy* /etc/resolv.conf; do
  if [[ -e $file ]]; then cp "$file" "$root$file"; fi
done
inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }

echo "==== apt install"
inside apt-get -q update >"$root/apt.log" 2>&1
cp "$package" "$root/root/"
inside apt-get -q install -y --no-install-recommends "/root/$(basename "$package")" >>"$root/apt.log" 2>&1 || {
  tail -n 20 "$root/apt.log"
  exit 1
}
inside du -sh --one-file-system --exclude=./proc / | sed 's/$/ with all that it needs/'

echo "==== as a user"
inside useradd -m someone
inside su someone -c '
  set -e
  cd
  ijepa-pretrain --version
  ijepa-synth --out images --classes 3 --train 192 --test 48 --size 64
  ijepa-shards images --out shards
  ijepa-pretrain /usr/share/ijepa/configs/synthetic.toml --set data.shards=shards/train --set run.dir=run \
    --set optim.epochs=2 2>&1 | tail -n 6
  ijepa-probe --run run --test shards/test --linear-epochs 2
  ijepa-infer --run run --input shards/test --out features
  ijepa-search --features features --query 0 --k 3 --out hits
  test -s hits/hits.png
  test -s /usr/share/man/man1/ijepa-probe.1 || test -s /usr/share/man/man1/ijepa-probe.1.gz
  test -s /usr/share/bash-completion/completions/ijepa-probe'

echo "==== apt purge"
inside apt-get -q purge -y ijepa >>"$root/apt.log" 2>&1
left=$(inside find /usr /etc /var/lib -name '*ijepa*' | grep -v '^/usr/share/doc/ijepa$' || true)
[[ -z $left ]] || { printf 'left behind:\n%s\n' "$left"; exit 1; }
echo "$(basename "$package"): installed, used and removed on a bare $release"
