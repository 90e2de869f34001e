"""What `crossbar doctor` says of ngspice as WebAssembly."""

import pytest

from crossbar import doctor
from spice_models import NgspiceError, wasm
from spice_models.native import NgspiceInfo


def finding():
    (found,) = [one for one in doctor.examine() if one.name == "ngspice wasm"]
    return found


@pytest.mark.parametrize(("klu", "solver"), [(True, "with KLU"), (False, "without KLU")])
def test_a_wasm_build_that_runs_tells_version_and_solver(klu, solver, monkeypatch):
    monkeypatch.setattr(wasm, "probe", lambda: NgspiceInfo("/a/engine.mjs", "45.2", klu))
    found = finding()
    assert found.good
    assert found.text == f"version 45.2 {solver} at /a/engine.mjs"


def test_a_missing_wasm_build_is_no_trouble_and_comes_with_a_command(monkeypatch):
    monkeypatch.setenv("NGSPICE_WASM", "/nowhere")
    found = finding()
    assert not found.good
    assert not found.needed
    assert "NGSPICE_WASM = '/nowhere'; run tools/get_wasm_ngspice.sh, or: npm install" in found.text


def test_a_wasm_build_that_does_not_run_is_told(monkeypatch, tmp_path):
    try:
        wasm.node()
    except NgspiceError as error:
        pytest.skip(str(error))
    spoilt = tmp_path / "engine.mjs"
    spoilt.write_text("this is no module")
    monkeypatch.setenv("NGSPICE_WASM", str(spoilt))
    found = finding()
    assert not found.good
    assert "does not run in" in found.text
    assert "SyntaxError" in found.text
    assert "\n" not in found.text
